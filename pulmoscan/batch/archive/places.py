"""Where files lie: paths of this machine and URLs of object stores, by fsspec. Credentials come by the environment."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pulmoscan.errors import ClusterPackageMissing, PlaceRefused

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

PROTOCOLS = ("file", "local", "memory", "s3", "s3a", "gs", "gcs", "az", "abfs", "http", "https")
"""Those that give bytes and nothing else; others of fsspec's run programs, or read what others have pickled."""


def checked(place: str) -> str:
    """The place as it was given.

    Raises:
        PlaceRefused: it is of another kind, or holds credentials.
    """
    if not is_url(place):
        return place
    protocol, _, rest = place.partition("://")
    if protocol not in PROTOCOLS or "::" in place:
        raise PlaceRefused(protocol, f"Only these are read: {', '.join(PROTOCOLS)}.")
    if "@" in rest.split("/", 1)[0] or urlsplit(place).query:
        raise PlaceRefused(
            f"{protocol}://…", "It holds credentials, which would stand in the results: give them by the environment."
        )
    return place


def is_url(place: str) -> bool:
    """Whether it is more than a path of this machine."""
    return "://" in place


def is_local(place: str) -> bool:
    """Whether it is a file of this machine."""
    return not is_url(place) or place.startswith(("file://", "local://"))


def opened(place: str) -> tuple[AbstractFileSystem, str]:
    """The file system, and the path in it.

    Raises:
        PlaceRefused: see `checked`.
        ClusterPackageMissing: the package for that kind of store is not installed.
    """
    protocol, _, _ = checked(place).partition("://") if is_url(place) else ("file", "", "")
    system = _system(protocol)
    return system, str(system._strip_protocol(place))


@cache
def _system(protocol: str) -> AbstractFileSystem:
    try:
        import fsspec

        return fsspec.filesystem(protocol, use_listings_cache=False)
    except ImportError as error:
        raise ClusterPackageMissing({"s3": "s3fs", "s3a": "s3fs"}.get(protocol, f"fsspec[{protocol}]")) from error


def joined(folder: str, name: str) -> str:
    """A name in a folder; a name that is a place by itself stays as it is."""
    if is_url(name) or name.startswith("/"):
        return name
    return f"{folder.rstrip('/')}/{name}" if folder else name
