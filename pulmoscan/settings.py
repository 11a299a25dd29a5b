"""Every folder, every variable of the environment that PulmoScan reads, and what libraries are told before their use.

PULMOSCAN_WEIGHTS    folder of the weights and their cards; else `weights/` of this checkout or package
PULMOSCAN_SAMPLES    folder of the user's own gallery; else one in the home
PULMOSCAN_DATA       dataset folders, as `--data` takes them; else those in `shared/data` beside this checkout
PULMOSCAN_CACHE      folder of the compiled networks; `off` keeps none; else one in the user's cache folder
PULMOSCAN_RUNTIME    auto, openvino, onnxruntime, torch (eager, on the CPU), cuda or mps
PULMOSCAN_PRECISION  auto, float32, or bfloat16 (OpenVINO alone); auto is bfloat16 on processors that compute in it, for
                     models whose card says that it was measured
PULMOSCAN_THREADS    threads of one forward pass; else OMP_NUM_THREADS, else the cores that this process may use
PULMOSCAN_DECODING   `here` decodes files in this process; else in one of their own, whose death costs one file
PULMOSCAN_KEY        file of the secret that anonymous names are made with; else one in the user's data folder
PULMOSCAN_SITE       site profiles, one a model: a file, a folder of them, or several with : (Windows: ;) between
PULMOSCAN_TOKEN      what clients of the REST service must bear, unless --token-file names a file with it
PULMOSCAN_ARCHIVE    the --out of an `archive` run, whose results the page Batch lists
PULMOSCAN_NODE       the settings file of a node whose worklist the app shows
PULMOSCAN_DEBUG      anything: unforeseen errors of the command line come with their traceback
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Literal

Variable = Literal[
    "WEIGHTS", "SAMPLES", "DATA", "CACHE", "RUNTIME", "PRECISION", "THREADS", "DECODING", "KEY", "TOKEN", "NODE",
    "SITE", "ARCHIVE", "DEBUG",
]  # fmt: skip
PACKAGE = Path(__file__).resolve().parent
REPOSITORY = PACKAGE.parent
"""The checkout that this package lies in."""
IS_INSTALLED = (PACKAGE / "_app").is_dir()
APP_FOLDER = PACKAGE / "_app" if IS_INSTALLED else REPOSITORY
"""Where Home.py, pages/, .streamlit/, weights/ and test_samples/ are: beside the package in a checkout, inside it once
installed (pyproject.toml puts them there)."""

_BLAS_THREADS = "OPENBLAS_NUM_THREADS"


def set_up() -> None:
    """What the process has libraries do and leave undone. It is called as soon as `pulmoscan` is imported.

    What they say of odd values quotes them, and they may be the patient's; and none may ask or tell the network.
    """
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"pydicom\b")
    # To import openvino is to report it to Google Analytics, unless its reporting package cannot be imported.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    # Albumentations would ask the package index for a newer version of itself whenever it is imported.
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")


def set_up_pydicom() -> None:
    """The part that needs pydicom, which takes longer to import than a PNG to read; called where DICOM is read."""
    from pydicom import config

    config.settings.reading_validation_mode = config.IGNORE


def set_up_blas() -> None:
    """Have NumPy start no threads of its BLAS (see `runtime.idle_threads`): for our programs, before they import it.

    What the user has set stands.
    """
    if "numpy" not in sys.modules:
        os.environ.setdefault(_BLAS_THREADS, "1")


def starts_no_blas_threads() -> bool:
    """Whether NumPy's BLAS was told to start none."""
    return os.environ.get(_BLAS_THREADS) == "1"


def variable(name: Variable) -> str:
    """The value of `PULMOSCAN_` and that name; empty where it is not set."""
    return os.environ.get(f"PULMOSCAN_{name}", "")


def weights_folder() -> Path:
    """Where weights and cards are."""
    return Path(variable("WEIGHTS") or APP_FOLDER / "weights")


def gallery_folder() -> Path:
    """The gallery that is shipped."""
    return APP_FOLDER / "test_samples"


def own_folder() -> Path:
    """Where the user's own radiographs are."""
    return Path(variable("SAMPLES") or Path.home() / ".pulmoscan" / "samples").expanduser()


def dataset_folders() -> list[Path]:
    """The datasets on this machine."""
    if named := variable("DATA"):
        return [Path(part) for part in named.split(os.pathsep) if part]
    if IS_INSTALLED:
        return []
    beside = REPOSITORY.parent / "shared" / "data"
    return sorted(path for path in beside.glob("*") if path.is_dir()) if beside.is_dir() else []


def cache_folder() -> Path | None:
    """Where compiled networks are kept; None where the user wants none kept."""
    import platformdirs  # here, so that a Python without it still gets as far as to say so

    named = variable("CACHE")
    if named == "off":
        return None
    return Path(named) if named else Path(platformdirs.user_cache_dir("pulmoscan", appauthor=False)) / "compiled"


def secret_file() -> Path:
    """Where the secret is that the names of anonymous results are made with; it is made at the first use."""
    import platformdirs  # here, as in `cache_folder`

    return Path(variable("KEY") or Path(platformdirs.user_data_dir("pulmoscan", appauthor=False)) / "names.key")


def node_file() -> Path | None:
    """The settings of the node whose worklist the app shows; None where it shows none."""
    named = variable("NODE")
    return Path(named) if named else None


def model_cards_folder() -> Path:
    """Where the cards are written as Markdown: in a checkout, to the documentation."""
    return Path("model-cards") if IS_INSTALLED else REPOSITORY / "docs" / "model-cards"


def own_python() -> Path | None:
    """The Python that `make app` set up in this checkout, if it did and another one is running."""
    folder = REPOSITORY / ".venv"
    if IS_INSTALLED or Path(sys.prefix).resolve() == folder.resolve():
        return None
    pythons = (folder / "bin" / "python", folder / "Scripts" / "python.exe")
    return next((python for python in pythons if python.is_file()), None)
