"""Rules that hold over the whole source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "pulmoscan"
SOURCES = sorted(PACKAGE.rglob("*.py"))
PAGES = [PACKAGE.parent / "Home.py", *sorted((PACKAGE.parent / "pages").glob("*.py"))]


def imported(tree: ast.AST) -> set[str]:
    """What a script imports, to the second level: `pulmoscan.ui`."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {".".join(alias.name.split(".")[:2]) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(".".join(node.module.split(".")[:2]))
    return names


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)
def test_pages_know_the_panels_only(path: Path) -> None:
    """All other rules of imports are contracts in pyproject.toml; pages are scripts, which those do not see."""
    assert imported(ast.parse(path.read_text(encoding="utf-8"))) <= {"streamlit", "pulmoscan.ui"}


def test_importing_does_nothing_but_set_up() -> None:
    """What libraries are told stands in `settings`; a module is imported for its names alone."""
    called = {
        f"{path.relative_to(PACKAGE).as_posix()}: {ast.unparse(statement.value.func)}"
        for path in SOURCES
        for statement in ast.walk(_without_functions(ast.parse(path.read_text(encoding="utf-8"))))
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
    }
    assert called == {
        "__init__.py: set_up",
        "reading/dicom/jpeg.py: decoder.add_plugin",
        "reading/dicom/reading.py: set_up_pydicom",
        "reading/picture.py: TiffImagePlugin.OPEN_INFO.setdefault",
    }


def _without_functions(tree: ast.Module) -> ast.Module:
    """What runs at import: statements outside of functions and classes, and of what a script does."""
    defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    run = [n for n in tree.body if not (isinstance(n, ast.If) and "__main__" in ast.unparse(n.test))]
    return ast.Module([n for n in run if not isinstance(n, defined)], [])


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_module_hooks(path: Path) -> None:
    """A hook on a shared model shows one patient's heatmap to another."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            assert not (node.attr.startswith("register_") and node.attr.endswith("_hook")), f"line {node.lineno}"
