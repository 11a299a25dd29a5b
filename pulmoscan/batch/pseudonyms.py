"""Names that stand for files in anonymous results: the same in every run on this machine, and not to be traced back.

A name is a keyed hash (HMAC-SHA256) of the file's path: whoever lacks the secret can neither find the path nor try out
whether one that they guess is it. The secret is random, lies in the user's own data folder and never leaves it, so that
`--resume` finds what an earlier anonymous run has done.
"""

from __future__ import annotations

import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pulmoscan.batch.output import one_line
from pulmoscan.export.files import write_new

SECRET_BYTES = 32
LENGTH = 12
"""Hexadecimal digits: two of a million files share a name in one of 500 runs, and nothing is lost then but one result
that a resumed run takes for done."""


@dataclass(frozen=True)
class Pseudonyms:
    """Neutral names by a secret.

    Attributes:
        lasting: whether a later run will give the same names.
    """

    secret: bytes = field(repr=False)
    lasting: bool = True

    def of(self, name: str) -> str:
        """`radiograph-` and twelve hexadecimal digits."""
        return "radiograph-" + hmac.new(self.secret, one_line(name).encode(), "sha256").hexdigest()[:LENGTH]


def pseudonyms(secret_file: Path) -> Pseudonyms:
    """By the secret in a file, which is made where there is none; by one of this run alone where it cannot be."""
    with suppress(OSError):
        secret_file.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            write_new(secret_file, secrets.token_hex(SECRET_BYTES).encode())
        secret_file.chmod(0o600)
        secret = secret_file.read_bytes()
        if len(secret) >= SECRET_BYTES:
            return Pseudonyms(secret)
    return Pseudonyms(secrets.token_bytes(SECRET_BYTES), lasting=False)
