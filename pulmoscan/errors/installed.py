"""What is installed: libraries, weights, cards, galleries."""

from __future__ import annotations

from pulmoscan.errors.base import PulmoScanError

TRAIN_PACKAGE = '"albumentations>=2.0.8,<2.1"'
XRV_PACKAGE = '"pooch>=1.8,<2" "torchxrayvision>=1.5,<2"'
"""As requirements-train.txt and requirements-xrv.txt have them, which a package that was installed comes without."""
HOSPITAL_MODULES = (
    "dicomweb_client",
    "fastapi",
    "prometheus_client",
    "pynetdicom",
    "python_multipart",
    "tomli",
    "uvicorn",
)
"""What requirements-hospital.txt brings."""
INSTALL_XRV = f"python -m pip install {XRV_PACKAGE}"


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
        elif module == "pooch":
            mend = f"Fetching weights needs it. Install it with `{running} -m pip install {XRV_PACKAGE}`."
        elif module in HOSPITAL_MODULES:
            what = '"pulmoscan[hospital]"' if installed else "-r requirements-hospital.txt"
            mend = f"The commands for hospitals need it. Install it with `{running} -m pip install {what}`."
        elif installed:
            mend = f"Reinstall PulmoScan with all that it needs: {running} -m pip install --force-reinstall pulmoscan"
        else:
            mend = "Run `make app` once in this folder, and then .venv/bin/python -m pulmoscan …"
        super().__init__(f"The library {module} is not installed for {running}. {mend}")


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
