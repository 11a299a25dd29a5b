"""Take all that names a patient out of a DICOM data set, after PS3.15's basic profile (annex E, table E.1-1)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

from dicomanonymizer import simpledicomanonymizer as profile
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from pulmoscan.export.content import SECRET

EMPTY_DATES = ("00010101", "000000.00", "00010101010101.000000+0000")
"""What the library puts in place of dates and times."""

Action = Callable[[Dataset, Any], None]


def deidentify(dataset: Dataset) -> Dataset:
    """A copy without identifiers; pixel data, if any, stays as it is, with whatever is burnt into it.

    UIDs are replaced alike within a run of the program, so that what refers to one another still does.
    """
    clean = copy.deepcopy(dataset)
    _drop_unreadable(clean)
    _strip(clean)
    clean.PatientIdentityRemoved = "YES"
    method = Dataset()
    method.CodeValue, method.CodingSchemeDesignator = "113100", "DCM"
    method.CodeMeaning = "Basic Application Confidentiality Profile"
    clean.DeidentificationMethodCodeSequence = [method]
    clean.PatientName = "Anonymous"
    clean.PatientID = new_uid(str(dataset.get("PatientID", "")) + "patient")[-16:]
    return clean


def new_uid(old: str, secret: str = SECRET) -> str:
    """The UID that stands for another, or for anything else that has a text of its own.

    Args:
        secret: without one, whoever has the text can tell that the UID stands for it.
    """
    return str(generate_uid(entropy_srcs=[secret, old]))


def _drop_unreadable(dataset: Dataset) -> None:
    """Take out what cannot be read, such as an element of an unknown value representation: what it holds is unknown."""
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
        except (NotImplementedError, ValueError, LookupError, TypeError, AttributeError):
            del dataset[tag]
            continue
        if element.VR == "SQ":
            for item in element.value:
                _drop_unreadable(item)


def _strip(dataset: Dataset) -> None:
    profile.anonymize_dataset(dataset, base_rules_gen=_rules)
    for element in list(dataset):
        # The library looks at the outermost level alone.
        if element.VR == "SQ":
            for item in element.value:
                _strip(item)
        elif element.VR in ("DA", "TM", "DT") and str(element.value) in EMPTY_DATES:
            element.value = ""


@cache
def _rules() -> dict[Any, Action]:
    """The profile's table, with UIDs that the library would else remember for the life of the process."""
    table: dict[Any, Action] = profile.initialize_actions_2024b()
    return {tag: _replace_uids if action is profile.replace_UID else action for tag, action in table.items()}


def _replace_uids(dataset: Dataset, tag: Any) -> None:
    element = dataset.get(tag)
    if element is None or not element.value:
        return
    if element.VM > 1:
        element.value = [new_uid(str(value)) for value in element.value]
    else:
        element.value = new_uid(str(element.value))
