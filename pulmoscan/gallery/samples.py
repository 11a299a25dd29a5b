"""The sample gallery: `test_samples/samples.json`, and the user's own radiographs beside it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from pulmoscan.errors import GalleryDamaged, GalleryMissing, OwnGalleryDamaged
from pulmoscan.population import Population
from pulmoscan.reading.radiograph import FILE_EXTENSIONS
from pulmoscan.reading.records import Record, read_record
from pulmoscan.settings import gallery_folder, own_folder

GalleryLabel = Literal["normal", "pneumonia", "unknown"]
MANIFEST_NAME = "samples.json"
MOST_OWN = 60
"""So many of the user's own radiographs are shown at most: a whole dataset would bury the page."""


Text = Annotated[str, Meta(min_length=1)]


class ManifestEntry(Record, frozen=True, forbid_unknown_fields=False, omit_defaults=True):
    """One picture in a manifest; whatever else its maker wrote of it is let stand."""

    # A manifest names images beside it, nothing else on the disk.
    file: Annotated[str, Meta(pattern=r"\A[^/\\\x00]*[^/\\\x00.][^/\\\x00]*\Z")]
    title: Text
    label: GalleryLabel
    caption: Text
    origin: Text
    population: Population | None = None


class Manifest(Record, frozen=True):
    """What `samples.json` holds."""

    samples: tuple[ManifestEntry, ...]


@dataclass(frozen=True)
class GallerySample:
    """One picture of the gallery.

    Attributes:
        path: the image file; it existed when the gallery was read.
        title: a few words, for a button or a tab.
        label: the class that the picture was made from or was given, not a diagnosis; "unknown" where none is known.
        caption: one sentence on what the picture is.
        origin: where it comes from, with licence and citation.
        is_own: whether the user added it.
        population: whom it shows, where that is known.
    """

    path: Path
    title: str
    label: GalleryLabel
    caption: str
    origin: str
    is_own: bool = False
    population: Population | None = None

    @property
    def has_answer(self) -> bool:
        """Whether there is a label to guess."""
        return self.label != "unknown"


def gallery(folder: Path | None = None) -> list[GallerySample]:
    """The samples in the manifest's order; one whose image file is missing is left out.

    Args:
        folder: holds the manifest and the images; this checkout's gallery if not given.

    Raises:
        GalleryMissing: there is no manifest, or none of its images is there.
        GalleryDamaged: the manifest is not as `test_samples/README.md` describes.
    """
    folder = folder or gallery_folder()
    manifest = folder / MANIFEST_NAME
    try:
        samples = [_sample(folder, entry) for entry in read_record(manifest, Manifest).samples]
    except OSError as error:
        raise GalleryMissing(manifest) from error
    except ValueError as error:
        raise GalleryDamaged(manifest) from error
    present = [sample for sample in samples if sample.path.is_file()]
    if not present:
        raise GalleryMissing(folder)
    return present


def own_gallery(folder: Path | None = None) -> list[GallerySample]:
    """The user's own radiographs, at most `MOST_OWN`: those in the folder's manifest, then other images in it.

    An image that is not in the manifest gets its label from the name of its folder, as in published datasets:
    `NORMAL/…`, `PNEUMONIA/…`, any case.

    Raises:
        OwnGalleryDamaged: the manifest is not one.
    """
    folder = folder or own_folder()
    if not folder.is_dir():
        return []
    manifest = folder / MANIFEST_NAME
    try:
        entries = read_record(manifest, Manifest).samples if manifest.exists() else ()
    except (OSError, ValueError) as error:
        raise OwnGalleryDamaged(manifest) from error
    listed = [_sample(folder, entry, is_own=True) for entry in entries]
    samples = [sample for sample in listed if sample.path.is_file()]
    named = {sample.path for sample in samples}
    for path in _images(folder):
        if len(samples) >= MOST_OWN:
            break
        if path not in named:
            samples.append(_unlisted(path, folder))
    return samples[:MOST_OWN]


def shuffled(samples: list[GallerySample]) -> list[GallerySample]:
    """In an order that does not tell the labels, and is the same every time."""
    return sorted(samples, key=lambda sample: hashlib.sha256(sample.path.name.encode()).digest())


def _sample(folder: Path, entry: ManifestEntry, is_own: bool = False) -> GallerySample:
    path = folder / entry.file
    return GallerySample(path, entry.title, entry.label, entry.caption, entry.origin, is_own, entry.population)


def _unlisted(path: Path, folder: Path) -> GallerySample:
    parent = path.parent.name.lower()
    label: GalleryLabel = "normal" if parent == "normal" else "pneumonia" if parent == "pneumonia" else "unknown"
    return GallerySample(
        path, path.stem, label, f"Your own, from {path.relative_to(folder).as_posix()}.", "Your own", is_own=True
    )


def _images(folder: Path) -> Iterator[Path]:
    """The image files of a folder and below, in a fixed order; of a large dataset only as many as are asked for."""
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            if Path(name).suffix.lower().lstrip(".") in FILE_EXTENSIONS:
                yield Path(place) / name
