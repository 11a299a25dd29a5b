"""What a DICOM file says of itself, where that is a reason not to screen it."""

from __future__ import annotations

from pulmoscan.errors.files import RadiographError, UnsuitableRadiograph


class DicomWithoutPixels(UnsuitableRadiograph):
    without_quotes = "The DICOM file holds no image. Choose the file that holds the radiograph."

    def __init__(self, kind: str) -> None:
        super().__init__(
            f"The DICOM file holds no image: it is of the kind “{kind}”. Choose the file that holds the radiograph."
        )


class DicomModality(UnsuitableRadiograph):
    without_quotes = "The DICOM file holds no plain radiograph. Use the chest radiograph of modality CR or DX."

    def __init__(self, modality: str, kind: str) -> None:
        super().__init__(
            f"The DICOM file holds no plain radiograph: modality {modality or 'not given'}, kind “{kind}”. "
            "Use the chest radiograph of modality CR or DX."
        )


class DicomColour(UnsuitableRadiograph):
    without_quotes = "The DICOM file holds a colour picture; a radiograph is grey. Use the original radiograph."

    def __init__(self, photometric: str) -> None:
        super().__init__(
            f"The DICOM file holds a colour picture ({photometric}); a radiograph is grey. "
            "Use the original radiograph rather than a screenshot or a report page."
        )


class DicomBodyPart(UnsuitableRadiograph):
    without_quotes = "The DICOM file says that it shows another body part. Use a chest radiograph."

    def __init__(self, part: str) -> None:
        super().__init__(
            f"The DICOM file says that it shows another body part: {part}. Use a chest radiograph; if this is one, "
            "correct the body part in the file or export the picture as PNG."
        )


class DicomView(UnsuitableRadiograph):
    without_quotes = "The DICOM file says that the view is not frontal. Use the PA or AP radiograph of the study."

    def __init__(self, view: str) -> None:
        super().__init__(
            f"The DICOM file says that the view is not frontal: {view}. Use the PA or AP radiograph of the study; "
            "the models know no others."
        )


class DicomForProcessing(UnsuitableRadiograph):
    def __init__(self) -> None:
        super().__init__(
            "The DICOM file holds the detector's raw values (“for processing”). "
            "Use the image “for presentation” of the same study."
        )


class DicomEncoding(RadiographError):
    without_quotes = "The DICOM file's pixels are compressed in a way that cannot be read. Export it uncompressed."

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The DICOM file's pixels are compressed in a way that cannot be read ({name}). "
            "Export it from the viewer uncompressed, or as PNG."
        )


class DamagedDicom(RadiographError):
    def __init__(self) -> None:
        super().__init__(
            "The DICOM file is damaged, cut short or contradicts itself, and its pixels cannot be decoded. "
            "Send or export it again."
        )
