"""Every error that a user can meet. Each message says what is wrong and what to do about it."""

from __future__ import annotations

from typing import ClassVar

TRAIN_PACKAGE = '"albumentations>=2.0.8,<2.1"'
XRV_PACKAGE = '"torchxrayvision>=1.5,<2"'
"""As requirements-train.txt and requirements-xrv.txt have them, which a package that was installed comes without."""
INSTALL_XRV = f"python -m pip install {XRV_PACKAGE}"


class PulmoScanError(Exception):
    """Base of all the project's errors; `str(error)` is a sentence for a person."""


class LibraryMissing(PulmoScanError):
    """A Python without something that PulmoScan is installed with.

    Args:
        module: what could not be imported.
        running: the Python that runs.
        own: the Python that `make app` set up, where there is one and another runs.
        installed: whether PulmoScan is installed, not run from a checkout.
    """

    def __init__(self, module: str, running: str, own: object | None, installed: bool) -> None:
        if own is not None:
            mend = f"Start PulmoScan with the Python that `make app` set up: {own} -m pulmoscan …"
        elif module == "albumentations":
            mend = f"Training needs it. Install it with `{running} -m pip install {TRAIN_PACKAGE}`."
        elif installed:
            mend = (
                f"Install PulmoScan anew, with all that it needs: {running} -m pip install --force-reinstall pulmoscan"
            )
        else:
            mend = "Run `make app` once in this folder, and then .venv/bin/python -m pulmoscan …"
        super().__init__(f"The library {module} is not installed for {running}. {mend}")


# What the user gave us


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
            f"The file cannot be decoded: {why}. Export the radiograph anew from the viewer, as DICOM or PNG."
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


# What a DICOM file says of itself


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


# What is installed


class ModelError(PulmoScanError):
    """A model that cannot be used as it is installed."""


class UnknownModel(ModelError):
    def __init__(self, name: str, known: str) -> None:
        super().__init__(f"There is no model called “{name}”. Choose one of: {known}.")


class WeightsMissing(ModelError):
    def __init__(self, path: object) -> None:
        super().__init__(
            f"The weights file {path} is missing. Fetch it with `git checkout -- weights`, "
            "or train it again with `python -m pulmoscan train`."
        )


class LungWeightsMissing(WeightsMissing):
    def __init__(self, path: object) -> None:
        ModelError.__init__(
            self,
            f"The lung network's file {path} is missing. Without it nobody checks that a picture is a chest "
            "radiograph, so none is screened. Fetch it with `git checkout -- weights`, or train it again with "
            "`python -m pulmoscan lungs --train`.",
        )


class WeightsDamaged(ModelError):
    def __init__(self, path: object, why: str) -> None:
        super().__init__(f"{path} cannot be used: {why}. Restore it with `git checkout -- weights`.")


class ExternalPackageMissing(ModelError):
    def __init__(self, title: str) -> None:
        super().__init__(
            f"{title} needs the package torchxrayvision, which is not installed. Install it with "
            f"`{INSTALL_XRV}`, in the environment that runs PulmoScan, and restart it."
        )


class ExternalPackageUnusable(ModelError):
    def __init__(self, why: str) -> None:
        super().__init__(
            f"The package torchxrayvision is installed, but cannot be used ({why}). Reinstall it with "
            f"`{INSTALL_XRV} --force-reinstall`."
        )


class ExternalWeightsMissing(ModelError):
    def __init__(self, name: str, url: str, path: object) -> None:
        super().__init__(
            f"The weights of {name} are not on this machine. Fetch them on the page “torchxrayvision”, or with "
            f"`python -m pulmoscan fetch --model {name}`, or by hand: download {url} and save it as {path}."
        )


class ExternalWeightsRefused(ModelError):
    def __init__(self, path: object, why: str, mend: str = "Delete it and fetch it again.") -> None:
        super().__init__(f"{path} cannot be used: {why}. {mend}")


class DownloadFailed(PulmoScanError):
    def __init__(self, url: str, path: object, why: str) -> None:
        super().__init__(
            f"The download failed: {why}. Nothing was kept. Try again, or fetch the file by hand on a machine that can "
            f"reach it: download {url} and save it as {path}."
        )


class GalleryError(PulmoScanError):
    """A sample gallery that cannot be shown."""


class GalleryMissing(GalleryError):
    def __init__(self, path: object) -> None:
        super().__init__(f"The sample gallery is missing: {path}. Fetch it with `git checkout -- test_samples`.")


class GalleryDamaged(GalleryError):
    def __init__(self, manifest: object) -> None:
        super().__init__(
            f"The sample gallery's list {manifest} cannot be read. Restore it with `git checkout -- test_samples`."
        )


class OwnGalleryDamaged(GalleryError):
    def __init__(self, manifest: object) -> None:
        super().__init__(
            f"The list of your own samples, {manifest}, cannot be read. Mend or delete it, and add them again with "
            "`python -m pulmoscan samples add`."
        )


class OwnGalleryInRepository(GalleryError):
    def __init__(self, folder: object) -> None:
        super().__init__(
            f"{folder} lies inside the repository, where a radiograph could be published by mistake. Let "
            "PULMOSCAN_SAMPLES name a folder elsewhere."
        )


class OwnGalleryNotWritable(GalleryError):
    def __init__(self, folder: object, why: str) -> None:
        super().__init__(f"{folder} cannot be written to ({why}). Let PULMOSCAN_SAMPLES name a folder that can be.")


class UnknownSample(GalleryError):
    def __init__(self, file: str, folder: object) -> None:
        super().__init__(
            f"No sample called {file} was added to {folder}. `python -m pulmoscan samples list` names them."
        )


# How it was called


class InvalidThreshold(PulmoScanError):
    def __init__(self, value: float) -> None:
        super().__init__(f"The threshold is a probability from 0 to 1, not {value:g}.")


class UnknownPopulation(PulmoScanError):
    def __init__(self, name: str) -> None:
        super().__init__(f"There is no population called “{name}”. Choose child, adult or auto.")


class InvalidSetting(PulmoScanError):
    def __init__(self, variable: str, value: str, allowed: str) -> None:
        super().__init__(f"The environment variable {variable} is “{value}”. Set it to {allowed}, or unset it.")


class RuntimeNotInstalled(PulmoScanError):
    def __init__(self, runtime: str) -> None:
        mend = "Unset PULMOSCAN_RUNTIME, and the quickest one that this machine has is used"
        if runtime == "openvino":
            mend += ", or install it with `pip install openvino`"
        elif runtime == "onnxruntime":
            mend += ", or install it with `pip install onnxruntime onnx`"
        super().__init__(f"The runtime {runtime} is not available on this machine. {mend}.")


class ScoreTableError(PulmoScanError):
    """A table that gives no scores; the message says why, and how it should look."""

    mend = "Give a CSV with the columns id, score (0 to 1) and label (1 pneumonia, 0 normal)."

    def __init__(self, why: str) -> None:
        super().__init__(f"{why} {self.mend}")


class DatasetError(PulmoScanError):
    """A dataset folder that is missing or not laid out as documented."""


class TrainingError(PulmoScanError):
    """A training run that cannot start or go on."""


class InvalidPromise(PulmoScanError):
    def __init__(self, name: str, value: float) -> None:
        low = "0.5" if name == "confidence" else "0"
        super().__init__(f"The {name} lies between {low} and 1, such as 0.02 for 2 %; it is {value:g}.")
