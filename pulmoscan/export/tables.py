"""Values for tables that a spreadsheet may open."""

from __future__ import annotations


def escape_formula(value: object) -> object:
    """A text that a spreadsheet would run as a formula gets an apostrophe before it (OWASP, CSV injection)."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
