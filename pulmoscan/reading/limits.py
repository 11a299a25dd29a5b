"""How large a file may be, whatever its format."""

MAX_PIXELS = 50_000_000
