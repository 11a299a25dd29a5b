"""Errors that a user can meet: all in one package, each in words that say what to do."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator

import pytest

from pulmoscan import errors
from pulmoscan.errors import PulmoScanError
from pulmoscan.settings import PACKAGE

ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PulmoScanError)]
BY_ANNOTATION = {"int": 7, "float": 7.5, "bool": True, "str": "some words.", "object": "a/path", "object | None": None}
BASES = {"PulmoScanError", "RadiographError", "UnsuitableRadiograph", "ModelError", "GalleryError", "ArchiveError"}
SAID_BY_THE_CALLER = {
    "LibraryMissing", "RefusedByGate", "DatasetError", "TrainingError", "ResumeError", "ArchiveRunError"
}  # fmt: skip
"""Those whose message comes whole from where they are raised, and one that `test_main` has every case of."""


def _classes() -> Iterator[tuple[str, str, set[str]]]:
    """File, name and bases of every class of the package outside `errors`."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.parent.name != "errors":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
                    yield str(path.relative_to(PACKAGE)), node.name, bases


def test_no_error_for_users_lives_elsewhere() -> None:
    known = {kind.__name__ for kind in ERRORS}
    assert len(known) > 40
    assert [(file, name) for file, name, bases in _classes() if bases & known] == []


@pytest.mark.parametrize("kind", ERRORS)
def test_each_says_what_is_wrong_and_what_to_do(kind: type[PulmoScanError]) -> None:
    assert issubclass(kind, PulmoScanError)
    if kind.__name__ in BASES | SAID_BY_THE_CALLER:
        return
    parameters = inspect.signature(kind.__init__).parameters.values()
    error = kind(*(BY_ANNOTATION.get(str(p.annotation), "some words.") for p in parameters if p.name != "self"))
    sentences = str(error).replace("; ", ". ").split(". ")
    assert len(sentences) >= 2, str(error)
    assert str(error).endswith((".", "…")), str(error)
