"""What dicom-validator says of a file, by tables of the DICOM standard that are made of those that highdicom carries.

dicom-validator makes its own from the standard's text, which it fetches over the internet. highdicom's know which
attributes a module has, of which type, at every depth, and which modules an IOD has; not when a conditional one is
required, nor which values an attribute may have. Of the content of a structured report and of functional groups they
list what items of all kinds need as though each needed all: there only the names are taken.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

from dicom_validator.spec_reader.edition_reader import EditionReader
from dicom_validator.validator.dicom_file_validator import DicomFileValidator
from dicom_validator.validator.dicom_info import DicomInfo
from highdicom._standard_utils import get_iod_module_map, get_module_attribute_map, get_sop_class_iod_map
from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import tag_for_keyword
from pydicom.tag import Tag

FETCHED = Path.home() / "dicom-validator"
ALLOWED = {"cond": {"type": "U"}}
"""Of what is required under a condition that is not told: it may be there."""


NAMES_ALONE = {"sr-document-content", "segmentation-multi-frame-functional-groups"}
"""Modules whose items are of several kinds; dciodvfy checks these."""


def faults(data: bytes, standard: DicomInfo, folder: Path) -> set[str]:
    """What dicom-validator finds wrong in a DICOM file: module, tag and kind of fault."""
    path = folder / "export.dcm"
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (result,) = DicomFileValidator(standard, logging.ERROR).validate(path).values()
    found = {
        f"{module}: {tag} {error.code}"
        for module, errors in result.module_errors.items()
        for tag, error in errors.items()
    }
    assert result.errors == len(found)
    return found


def fetched() -> DicomInfo | None:
    """Its own tables, of the newest edition that `make validators` could fetch."""
    editions = sorted(path.parent.parent.name for path in FETCHED.glob("*/json/module_info.json"))
    return EditionReader(FETCHED).load_dicom_info(editions[-1]) if editions else None


def tables() -> DicomInfo:
    """For `DicomFileValidator`."""
    modules = get_iod_module_map()
    return DicomInfo(
        dictionary={
            _place(tag): {"name": name, "vr": vr, "vm": vm, "prop": keyword}
            for tag, (vr, vm, name, _retired, keyword) in DicomDictionary.items()
        },
        iods={
            uid: {
                "title": name,  # type: ignore[dict-item]  # as its own tables have it
                "group_macros": {},
                "modules": {
                    m["key"]: {"ref": m["key"], "use": m["usage"], **_condition(m["usage"])} for m in modules[name]
                },
            }
            for uid, name in get_sop_class_iod_map().items()
            if name in modules
        },
        modules={
            name: _names(listed) if name in NAMES_ALONE else _attributes(listed)
            for name, listed in get_module_attribute_map().items()
        },
    )


def _attributes(listed: list[dict[str, Any]]) -> dict[str, Any]:
    """A module's attributes, those of a sequence's items within it."""
    found: dict[str, Any] = {}
    for attribute in sorted(listed, key=lambda attribute: len(attribute["path"])):
        place = found
        for keyword in attribute["path"]:
            place = place[_place(tag_for_keyword(keyword))].setdefault("items", {})
        place[_place(tag_for_keyword(attribute["keyword"]))] = {
            "name": attribute["keyword"],
            "type": attribute["type"],
            **_condition(attribute["type"]),
        }
    return found


def _names(listed: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        _place(tag_for_keyword(attribute["keyword"])): {"name": attribute["keyword"], "type": "3"}
        for attribute in listed
        if not attribute["path"]
    }


def _condition(needed: str) -> dict[str, Any]:
    return ALLOWED if "C" in needed else {}


def _place(tag: int | None) -> str:
    return str(Tag(tag or 0)).upper().replace(", ", ",")
