"""The sample gallery: `test_samples/samples.json` -> what a page shows to try the program out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pulmoscan.errors import GalleryDamaged, GalleryMissing

GalleryLabel = Literal["normal", "pneumonia", "unknown"]
MANIFEST_NAME = "samples.json"


@dataclass(frozen=True)
class GallerySample:
    """One picture of the gallery.

    Attributes:
        path: the image file; it existed when the gallery was read.
        title: a few words, for a button or a tab.
        label: the class that the picture was made from, not a diagnosis; "unknown" where none is documented.
        caption: one sentence on what the picture is.
        origin: where it comes from, with licence and citation.
    """

    path: Path
    title: str
    label: GalleryLabel
    caption: str
    origin: str


def gallery_folder() -> Path:
    """`test_samples/` of this checkout."""
    return Path(__file__).resolve().parent.parent / "test_samples"


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
        entries = json.loads(manifest.read_text(encoding="utf-8"))["samples"]
        samples = [_sample(folder, entry) for entry in entries]
    except OSError as error:
        raise GalleryMissing(manifest) from error
    except (ValueError, KeyError, TypeError) as error:
        raise GalleryDamaged(manifest) from error
    present = [sample for sample in samples if sample.path.is_file()]
    if not present:
        raise GalleryMissing(folder)
    return present


def _sample(folder: Path, entry: dict[str, Any]) -> GallerySample:
    text = {name: entry[name] for name in ("file", "title", "label", "caption", "origin")}
    if not all(isinstance(value, str) and value for value in text.values()):
        raise ValueError("every field is a text that is not empty")
    if text["label"] not in get_args(GalleryLabel):
        raise ValueError(f"{text['label']} is not a label")
    if Path(text["file"]).name != text["file"]:  # a manifest names images beside it, nothing else on the disk
        raise ValueError(f"{text['file']} is not the name of a file")
    return GallerySample(folder / text["file"], text["title"], text["label"], text["caption"], text["origin"])
