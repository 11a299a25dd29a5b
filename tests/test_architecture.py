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


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_module_hooks(path: Path) -> None:
    """A hook on a shared model shows one patient's heatmap to another."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            assert not (node.attr.startswith("register_") and node.attr.endswith("_hook")), f"line {node.lineno}"
