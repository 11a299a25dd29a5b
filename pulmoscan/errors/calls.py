"""How PulmoScan was called, and with what data."""

from __future__ import annotations

from pulmoscan.errors.base import PulmoScanError


class InvalidThreshold(PulmoScanError):
    def __init__(self, value: float) -> None:
        super().__init__(f"The threshold cannot be {value:g}. Give a probability from 0 to 1.")


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
        self.why = why
        super().__init__(f"{why} {self.mend}")


class DatasetError(PulmoScanError):
    """A dataset folder that is missing or not laid out as documented."""


class TrainingError(PulmoScanError):
    """A training run that cannot start or go on."""


class InvalidPromise(PulmoScanError):
    def __init__(self, name: str, value: float) -> None:
        low = "0.5" if name == "confidence" else "0"
        super().__init__(f"The {name} cannot be {value:g}. Give one between {low} and 1, such as 0.02 for 2 %.")
