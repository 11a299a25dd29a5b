"""Files that cannot become a radiograph, and archives that cannot be looked into."""

from __future__ import annotations

from typing import ClassVar

from pulmoscan.errors.base import PulmoScanError


class RadiographError(PulmoScanError):
    """A file that cannot become a `Radiograph`.

    Attributes:
        without_quotes: the message of those that quote the file or its path; empty where the message quotes neither.
    """

    without_quotes: ClassVar[str] = ""

    @property
    def anonymous(self) -> str:
        """The message without anything that comes from the file or its path."""
        return self.without_quotes or str(self)


class UnsuitableRadiograph(RadiographError):
    """A file that can be read, but shows nothing that can be screened."""


class RefusedByGate(UnsuitableRadiograph):
    """A picture that the gate does not let through; the message is the refusal's own (see `gate.Refusal`)."""


class EmptyFile(RadiographError):
    def __init__(self) -> None:
        super().__init__("The file is empty. Export or download it again.")


class FileTooLarge(RadiographError):
    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            f"The file has {-(-size // 2**20)} MB; the limit is {limit / 2**20:.0f} MB. "
            "Export the radiograph as PNG or JPEG, at no more than 4,000 pixels a side."
        )


class ImageTooLarge(RadiographError):
    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The image unpacks to more than {limit / 1e6:.0f} megapixels, the limit. "
            "Scale it down to no more than 4,000 pixels a side."
        )


class ImageTooSmall(UnsuitableRadiograph):
    def __init__(self, width: int, height: int, limit: int) -> None:
        super().__init__(
            f"The image is {width} × {height} pixels; at least {limit} a side are needed. "
            "Use the original radiograph rather than a thumbnail."
        )


class BlankImage(UnsuitableRadiograph):
    def __init__(self) -> None:
        super().__init__("Every pixel has the same value: the image shows nothing. Export it again.")


class AnimatedImage(UnsuitableRadiograph):
    def __init__(self, frames: int) -> None:
        super().__init__(f"The file holds {frames} frames or pages. Save the one radiograph as an image of its own.")


class OwnOutput(UnsuitableRadiograph):
    def __init__(self) -> None:
        super().__init__("PulmoScan itself made this picture or report. Choose the radiograph that it was made of.")


class NotDecoded(RadiographError):
    """A file that did harm while it was decoded, apart from all others."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The file cannot be decoded: {why}. Export the radiograph from the viewer again, as DICOM or PNG."
        )


class UnsupportedFormat(RadiographError):
    def __init__(self, formats: str) -> None:
        super().__init__(f"This is not an image file that can be read. Use one of: {formats}.")


class DamagedImage(RadiographError):
    def __init__(self) -> None:
        super().__init__("The image is damaged or cut short and cannot be decoded. Export or download it again.")


class NoImageInFolder(RadiographError):
    without_quotes = "The folder holds no image."

    def __init__(self, folder: object, extensions: str) -> None:
        super().__init__(f"The folder {folder} holds no image. Files that end in {extensions} are looked for.")


class FileNotReadable(RadiographError):
    without_quotes = "The file cannot be opened. Check the path and the permissions."

    def __init__(self, path: object, why: str) -> None:
        super().__init__(f"{path} cannot be opened ({why}). Check the path and the permissions.")


class ArchiveError(RadiographError):
    """A zip archive that cannot be looked into."""


class ArchiveDamaged(ArchiveError):
    def __init__(self) -> None:
        super().__init__("The zip archive is damaged or none. Make or download it again.")


class ArchiveTooLarge(ArchiveError):
    def __init__(self, why: str) -> None:
        super().__init__(f"The zip archive {why}, more than is unpacked here. Split it, or give a folder.")


class ArchiveInArchive(ArchiveError):
    def __init__(self) -> None:
        super().__init__("A zip archive inside a zip archive is not looked into. Unpack it first.")


class MemberNotReadable(ArchiveError):
    def __init__(self, why: str) -> None:
        super().__init__(f"It cannot be unpacked from its zip archive: {why}. Unpack it with another program.")
