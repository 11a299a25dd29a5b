"""Every folder, and every variable of the environment that PulmoScan reads.

PULMOSCAN_WEIGHTS    folder of the weights and their cards; else `weights/` of this checkout
PULMOSCAN_SAMPLES    folder of the user's own gallery; else one in the home
PULMOSCAN_DATA       dataset folders, as `--data` takes them; else those in `shared/data` beside this checkout
PULMOSCAN_CACHE      folder of the compiled networks; `off` keeps none; else one in the user's cache folder
PULMOSCAN_RUNTIME    auto, openvino, onnxruntime, torch (eager, on the CPU), cuda or mps
PULMOSCAN_PRECISION  float32, or bfloat16 (OpenVINO alone): quicker, and its scores are not the ones in the cards
PULMOSCAN_THREADS    threads of one forward pass; else OMP_NUM_THREADS, else the cores that this process may use
PULMOSCAN_KEY        file of the secret that anonymous names are made with; else one in the user's data folder
PULMOSCAN_DEBUG      anything: unforeseen errors of the command line come with their traceback
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import platformdirs

Variable = Literal["WEIGHTS", "SAMPLES", "DATA", "CACHE", "RUNTIME", "PRECISION", "THREADS", "KEY", "DEBUG"]
REPOSITORY = Path(__file__).resolve().parent.parent
"""The checkout that this package lies in."""


def variable(name: Variable) -> str:
    """The value of `PULMOSCAN_` and that name; empty where it is not set."""
    return os.environ.get(f"PULMOSCAN_{name}", "")


def weights_folder() -> Path:
    """Where weights and cards are."""
    return Path(variable("WEIGHTS") or REPOSITORY / "weights")


def gallery_folder() -> Path:
    """`test_samples/` of this checkout."""
    return REPOSITORY / "test_samples"


def own_folder() -> Path:
    """Where the user's own radiographs are."""
    return Path(variable("SAMPLES") or Path.home() / ".pulmoscan" / "samples").expanduser()


def dataset_folders() -> list[Path]:
    """The datasets on this machine."""
    if named := variable("DATA"):
        return [Path(part) for part in named.split(os.pathsep) if part]
    beside = REPOSITORY.parent / "shared" / "data"
    return sorted(path for path in beside.glob("*") if path.is_dir()) if beside.is_dir() else []


def cache_folder() -> Path | None:
    """Where compiled networks are kept; None where the user wants none kept."""
    named = variable("CACHE")
    if named == "off":
        return None
    return Path(named) if named else Path(platformdirs.user_cache_dir("pulmoscan", appauthor=False)) / "compiled"


def secret_file() -> Path:
    """Where the secret is that the names of anonymous results are made with; it is made at the first use."""
    return Path(variable("KEY") or Path(platformdirs.user_data_dir("pulmoscan", appauthor=False)) / "names.key")
