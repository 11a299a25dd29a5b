"""Measure the quality warnings: how often they come on radiographs as they are, and on the same ones degraded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pulmoscan.errors import DatasetError
from pulmoscan.examination import quality
from pulmoscan.examination.lungs import load_reader
from pulmoscan.examination.quality import DefectKind, Mask, Pixels
from pulmoscan.examination.reproductions import screen_grid, signs_on_black
from pulmoscan.models.preprocessing import INPUT_SIZE
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.statistics import metrics
from pulmoscan.statistics.metrics import Estimate
from pulmoscan.training.data.datasets import Split
from pulmoscan.training.data.pictures import Picture, load_pictures, select

Degradation = Callable[[Pixels], Pixels]

DEGRADED_OF_EACH = 30
"""Radiographs of each source that are degraded, in every way."""

OF_PIXELS_ALONE = ("low resolution", "compression", "blur", "border", "photograph", "signs")
NO_LUNGS = np.zeros((INPUT_SIZE, INPUT_SIZE), dtype=bool)

ORIGINALS = ", originals"
"""After the name of a source whose small copies are another one."""

QUANTILES = (0.0, 0.005, 0.01, 0.5, 0.99, 0.995, 1.0)

MEASURES: Mapping[DefectKind, Callable[[Pixels, Mask], float]] = {
    "low resolution": lambda pixels, _: min(pixels.shape),
    "compression": lambda pixels, _: quality.blockiness(pixels),
    "blur": lambda pixels, _: quality.sharpness(pixels),
    "low contrast": quality.contrast,
    "clipped": quality.clipped,
    "cut off": lambda _, lungs: quality.cut_off(lungs),
    "tilted": lambda pixels, lungs: abs(quality.tilt(lungs, pixels.shape[1] / pixels.shape[0])),
    "oblique": lambda _, lungs: quality.width_ratio(lungs),
    "wide": lambda _, lungs: float(lungs.mean()),
    "border": lambda pixels, _: quality.border(pixels),
    "text": quality.lettering,
    "photograph": lambda pixels, _: screen_grid(pixels),
    "signs": lambda pixels, _: signs_on_black(pixels),
}


@dataclass(frozen=True)
class QualityFigures:
    """What was measured on one source of radiographs.

    Attributes:
        quantiles: of each measure on radiographs as they are, at `QUANTILES`.
        warned: how many of these are warned of, by kind; `any` for all kinds together.
        found: of the degraded ones, how many got the warning that they should, by degradation.
    """

    source: str
    quantiles: Mapping[DefectKind, Sequence[float]]
    warned: Mapping[str, Estimate]
    found: Mapping[str, Estimate]


def measure_quality(data: Sequence[Path], split: Split = "validation") -> list[QualityFigures]:
    """Every source in the dataset folders; the larger originals of a source count as one of their own.

    Raises:
        ModelError: the lung network cannot be used.
        DatasetError: a folder has no known layout, or no radiograph in this split.
    """
    return [_measure(name, paths) for name, paths in sources(data, split).items()]


def sources(data: Sequence[Path], split: Split) -> dict[str, list[Path]]:
    """The radiographs of one split by their source; larger originals of a source as another one.

    Raises:
        DatasetError: a folder has no known layout, or no radiograph in this split.
    """
    chests = [p for p in select(load_pictures(data), split) if p.is_chest]
    if not chests:
        raise DatasetError(
            f"The data holds no radiograph in the {split} split. Give the folder that has it; see docs/weights.md."
        )
    groups: dict[str, list[Path]] = {}
    for picture in chests:
        groups.setdefault(_name(picture), []).append(picture.path)
        if original := _original(picture):
            groups.setdefault(_name(picture) + ORIGINALS, []).append(original)
    return groups


def _name(picture: Picture) -> str:
    names = {"kermany": "children (Kermany)", "nih": "adults (NIH)", "rsna": "adults (RSNA)"}
    return names.get(picture.source, picture.source)


def _original(picture: Picture) -> Path | None:
    path = picture.path.parents[2].with_name("originals448") / picture.path.relative_to(picture.path.parents[2])
    return path if picture.source == "kermany" and path.is_file() else None


def _measure(name: str, paths: Sequence[Path]) -> QualityFigures:
    reader = load_reader()
    values: dict[DefectKind, list[float]] = {kind: [] for kind in MEASURES}
    warned: dict[str, list[bool]] = {kind: [] for kind in ("any", *MEASURES)}
    found: dict[str, list[bool]] = {what: [] for what in DEGRADATIONS}
    step = max(1, len(paths) // DEGRADED_OF_EACH)
    for number, path in enumerate(tqdm(paths, desc=f"quality: {name}", unit="radiograph", disable=None)):
        pixels = load_radiograph(path).pixels
        lungs = reader.look(pixels).mask
        kinds = {defect.kind for defect in quality.check(pixels, lungs)}
        warned["any"].append(bool(kinds))
        for kind, value in MEASURES.items():
            warned[kind].append(kind in kinds)
            values[kind].append(value(pixels, lungs) if lungs.any() else np.nan)
        if number % step == 0:
            for what, (kind, degrade) in DEGRADATIONS.items():
                degraded = np.ascontiguousarray(degrade(pixels), dtype=np.float32)
                outline = NO_LUNGS if kind in OF_PIXELS_ALONE else reader.look(degraded).mask
                found[what].append(kind in {defect.kind for defect in quality.check(degraded, outline)})
    return QualityFigures(
        name,
        {kind: [float(q) for q in np.nanquantile(v, QUANTILES)] for kind, v in values.items()},
        {kind: metrics.proportion(sum(w), len(w)) for kind, w in warned.items()},
        {what: metrics.proportion(sum(f), len(f)) for what, f in found.items()},
    )


def describe(figures: Sequence[QualityFigures]) -> str:
    """The tables that the command line prints."""
    lines = []
    for f in figures:
        lines += [f.source, f"  {'as they are':<28} warned of" + " " * 29 + "  ".join(f"{q:>7.1%}" for q in QUANTILES)]
        lines.append(f"  {'any':<28} {f.warned['any'].percent}")
        for kind, quantiles in f.quantiles.items():
            shown = "  ".join(f"{q:>7.3g}" for q in quantiles)
            lines.append(f"  {kind:<28} {f.warned[kind].percent:<36}  {shown}")
        lines.append("  degraded                     warned of it")
        lines += [f"  {what:<28} {figure.percent}" for what, figure in f.found.items()]
    return "\n".join(lines)


# How radiographs are degraded: `what was done`: (the warning that it should bring, how it is done).


def _shrunk(pixels: Pixels) -> Pixels:
    factor = 160 / min(pixels.shape)
    return _pixels(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))


def _jpeg(jpeg_quality: int) -> Degradation:
    def degrade(pixels: Pixels) -> Pixels:
        _, data = cv2.imencode(".jpg", _bytes(pixels), [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality])
        decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))
        return _pixels(decoded) / np.float32(255)

    return degrade


def _blurred(sigma: float) -> Degradation:
    """By a Gaussian of `sigma` pixels of the model input."""
    return lambda pixels: _pixels(cv2.GaussianBlur(pixels, (0, 0), sigma * max(pixels.shape) / INPUT_SIZE))


def _windowed(low: float, high: float) -> Degradation:
    """Only the grey values between two percentiles are kept."""

    def degrade(pixels: Pixels) -> Pixels:
        black, white = np.percentile(pixels, (low, high))
        return _pixels(np.clip((pixels - black) / max(white - black, 1e-6), 0, 1))

    return degrade


def _faded(pixels: Pixels) -> Pixels:
    return _pixels(0.4 + 0.15 * pixels)


def _cropped(left: float, bottom: float) -> Degradation:
    """Without these shares of the width and the height."""

    def degrade(pixels: Pixels) -> Pixels:
        height, width = pixels.shape
        return pixels[: round((1 - bottom) * height), round(left * width) :]

    return degrade


def _rotated(degrees: float) -> Degradation:
    """Counter-clockwise."""

    def degrade(pixels: Pixels) -> Pixels:
        height, width = pixels.shape
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
        return _pixels(cv2.warpAffine(pixels, turn, (width, height)))

    return degrade


def _oblique(shift: float) -> Degradation:
    """As if the patient were turned: the middle moves by `shift` half widths, and the sides stay where they are.

    Where the heart lies 0.6 half widths before the chest's middle, turning by 30° moves it by 0.6 · sin 30° = 0.3.
    """

    def degrade(pixels: Pixels) -> Pixels:
        height, width = pixels.shape
        across = np.linspace(-1, 1, width)
        from_columns = np.interp(across, across + shift * (1 - across**2), np.arange(width)).astype(np.float32)
        rows = np.arange(height, dtype=np.float32)[:, None]
        columns = np.tile(from_columns, (height, 1))
        return _pixels(cv2.remap(pixels, columns, np.tile(rows, (1, width)), cv2.INTER_LINEAR))

    return degrade


def _wide(share: float) -> Degradation:
    """The picture on the middle `share` of a larger one's sides; around it what looks like more body, out of focus."""

    def degrade(pixels: Pixels) -> Pixels:
        height, width = pixels.shape
        down, across = (round((1 / share - 1) / 2 * length) for length in (height, width))
        larger = cv2.copyMakeBorder(pixels, down, down, across, across, cv2.BORDER_REFLECT_101)
        inside = np.zeros_like(larger)
        inside[down : down + height, across : across + width] = 1
        inside = cv2.GaussianBlur(inside, (0, 0), width / 60)
        grain = np.random.default_rng(0).normal(0, 0.02, larger.shape)
        around = 0.8 * cv2.GaussianBlur(larger, (0, 0), width / 25) + grain
        return _pixels(np.clip(inside * larger + (1 - inside) * around, 0, 1))

    return degrade


def _framed(pixels: Pixels) -> Pixels:
    down, across = (round(0.3 * length) for length in pixels.shape)
    return _pixels(cv2.copyMakeBorder(pixels, down, down, across, across, cv2.BORDER_CONSTANT, value=0.0))


def _lettered(pixels: Pixels) -> Pixels:
    height, width = pixels.shape
    drawn = np.ascontiguousarray(_bytes(pixels))
    for line, words in enumerate(("PORTABLE AP", "12:30  SUPINE")):
        at = (round(0.2 * width), round((0.45 + 0.1 * line) * height))
        cv2.putText(drawn, words, at, cv2.FONT_HERSHEY_SIMPLEX, height / 400, 255, max(1, height // 200), cv2.LINE_AA)
    return _pixels(drawn) / np.float32(255)


def _pixels(values: np.ndarray) -> Pixels:
    return np.asarray(values, dtype=np.float32)


def _bytes(pixels: Pixels) -> NDArray[np.uint8]:
    return (pixels * 255).astype(np.uint8)


DEGRADATIONS: Mapping[str, tuple[DefectKind, Degradation]] = {
    "160 pixels": ("low resolution", _shrunk),
    "JPEG of quality 10": ("compression", _jpeg(10)),
    "JPEG of quality 25": ("compression", _jpeg(25)),
    "blurred by 2 pixels of 224": ("blur", _blurred(2)),
    "blurred by 3 pixels of 224": ("blur", _blurred(3)),
    "15 % of its contrast": ("low contrast", _faded),
    "darkest 30 % clipped": ("clipped", _windowed(30, 100)),
    "brightest 30 % clipped": ("clipped", _windowed(0, 70)),
    "left 20 % cut off": ("cut off", _cropped(0.2, 0)),
    "lower 30 % cut off": ("cut off", _cropped(0, 0.3)),
    "tilted by 15°": ("tilted", _rotated(-15)),
    "tilted by -20°": ("tilted", _rotated(20)),
    "turned by about 30°": ("oblique", _oblique(0.3)),
    "turned by about -20°": ("oblique", _oblique(-0.2)),
    "framed twice as widely": ("wide", _wide(0.5)),
    "framed 1.5 times as widely": ("wide", _wide(1 / 1.5)),
    "border of 30 % all round": ("border", _framed),
    "two lines of text": ("text", _lettered),
}
