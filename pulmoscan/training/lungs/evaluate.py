"""Measure the lung network and the gate on held-out pictures: Dice, refusals and acceptances, by kind of picture."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pulmoscan.errors import DatasetError
from pulmoscan.examination import gate
from pulmoscan.examination.lungs import ChestView, load_reader, read_card, write_card
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.statistics import metrics
from pulmoscan.statistics.metrics import Estimate
from pulmoscan.training.data.datasets import Split
from pulmoscan.training.data.not_chest import GENERATORS
from pulmoscan.training.data.pictures import Picture, load_pictures, select
from pulmoscan.training.lungs.kinds import HELD_OUT
from pulmoscan.training.lungs.train import overlap

CHANGED_OF_EACH = 220
"""Radiographs of each source that are also turned, inverted and cropped, at most."""

DRAWN_OF_EACH = 150
DRAWING_SEED = 20_261_123
"""Training draws with other seeds, so none of these pictures was seen."""

ONE_LUNG = 0.5
"""Share of the width that a crop to one lung keeps."""


@dataclass(frozen=True)
class GateFigure:
    """How one kind of picture fared. `expected` says what should become of it."""

    kind: str
    expected: str
    rate: Estimate


def evaluate_lungs(data: Sequence[Path], split: Split = "test") -> tuple[dict[str, Estimate], list[GateFigure]]:
    """Dice by population, and the gate's rates by kind of picture.

    Raises:
        ModelError: the lung network cannot be used.
        DatasetError: a folder has no known layout, or nothing in this split.
    """
    reader = load_reader()
    pictures = select(load_pictures(data), split)
    if not pictures:
        raise DatasetError(f"The data holds no {split} split. Give the folder that has it; see docs/lungs-and-gate.md.")
    changed_too = _spread(pictures)
    dice: dict[str, list[float]] = {"child": [], "adult": []}
    outcomes: dict[tuple[str, str], list[bool]] = {}

    def judge(kind: str, expected: str, pixels: NDArray[np.float32], chroma: float = 0.0) -> ChestView:
        view = reader.look(pixels)
        refusal = gate.check(view, reader.card.limits, pixels, chroma)
        outcomes.setdefault((kind, expected), []).append(_is_as_expected(refusal, expected))
        return view

    for picture in tqdm(pictures, desc=f"lungs: {split}", unit="picture", disable=None):
        loaded = load_radiograph(picture.path)
        pixels = loaded.pixels
        if not picture.is_chest:
            judge(picture.kind, "refused", pixels, loaded.source.chroma)
            continue
        view = judge(_group(picture), "accepted", pixels, loaded.source.chroma)
        if picture in changed_too:
            for kind, expected, changed in _variants(pixels):
                judge(kind, expected, changed)
        if picture.lung_mask and picture.population:
            mask = load_radiograph(picture.lung_mask).pixels > 0.5
            dice[picture.population].append(overlap(view.mask_at(mask.shape[0], mask.shape[1]), mask))
    for kind, pixels in _drawn([p for p in pictures if p.is_chest]):
        judge(kind, "refused", pixels)
    figures = [GateFigure(k, e, metrics.proportion(sum(right), len(right))) for (k, e), right in outcomes.items()]
    return {p: metrics.mean(values) for p, values in dice.items() if values}, figures


def _is_as_expected(refusal: gate.Refusal | None, expected: str) -> bool:
    if expected == "accepted":
        return refusal is None
    if expected == "refused":
        return refusal is not None
    return refusal is not None and refusal.correction is not None and repr(refusal.correction) == expected


def _group(picture: Picture) -> str:
    if picture.source == "kermany":
        return "children (Kermany)"
    if picture.source == "adult masks":
        return "adults, mostly COVID-19"
    whose = "adults" if picture.population == "adult" else "children and adolescents"
    return f"{whose} ({'RSNA' if picture.source == 'rsna' else 'NIH'})"


def all_together(figures: Sequence[GateFigure]) -> dict[str, Estimate]:
    """Children, adults, and pictures that show no chest, from all sources together."""
    groups = {
        "all children": [f for f in figures if f.expected == "accepted" and f.kind.startswith("children")],
        "all adults": [f for f in figures if f.expected == "accepted" and f.kind.startswith("adults")],
        "all that show no chest": [f for f in figures if f.expected == "refused" and "radiograph" not in f.kind],
    }
    return {
        name: metrics.proportion(sum(round(f.rate.estimate * f.rate.n) for f in group), sum(f.rate.n for f in group))
        for name, group in groups.items()
        if group
    }


def _held_out() -> dict[str, Estimate]:
    """The side views' figures, which training measured by cross-validation (see `kinds`)."""
    figures = read_card().training.get("kinds", {}).get(HELD_OUT, {})
    return {name: Estimate(**figure) for name, figure in figures.items()}


def _spread(pictures: Sequence[Picture]) -> set[Picture]:
    """The radiographs that are changed as well: evenly from every source."""
    chosen: set[Picture] = set()
    for source in {p.source for p in pictures if p.is_chest}:
        of_source = select(pictures, pictures[0].split, source)
        chosen.update(of_source[:: max(1, -(-len(of_source) // CHANGED_OF_EACH))])
    return chosen


def _variants(pixels: NDArray[np.float32]) -> Iterator[tuple[str, str, NDArray[np.float32]]]:
    """A radiograph as it should not come, with what the gate is expected to propose or do."""
    yield "inverted radiograph", repr(gate.Correction(0, True)), 1 - pixels
    for turns in (1, 2, 3):
        name = {1: "90° to the left", 2: "180°", 3: "90° to the right"}[turns]
        turned = np.ascontiguousarray(np.rot90(pixels, turns))
        yield f"radiograph turned by {name}", repr(gate.Correction(turns)), turned
    yield "radiograph cropped to one lung", "refused", pixels[:, : round(ONE_LUNG * pixels.shape[1])]


def _drawn(chests: Sequence[Picture]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    rng = random.Random(DRAWING_SEED)
    inside = [(load_radiograph(p.path).pixels * 255).astype(np.uint8) for p in rng.sample(chests, min(40, len(chests)))]
    for kind, generator in GENERATORS.items():
        for _ in tqdm(range(DRAWN_OF_EACH), desc=f"lungs: {kind}", unit="picture", disable=None):
            yield kind, np.divide(generator(rng, inside), 255, dtype=np.float32)


def describe(dice: dict[str, Estimate], figures: Sequence[GateFigure]) -> str:
    """The tables that the command line prints."""
    lines = ["Dice (mean over held-out radiographs)"]
    lines += [f"  {population:<34} {figure.decimal}" for population, figure in dice.items()]
    together = all_together(figures)
    for title, wanted in (("Accepted", "accepted"), ("Refused", "refused")):
        lines.append(title)
        lines += [f"  {f.kind:<34} {f.rate.percent}" for f in figures if f.expected == wanted]
        lines += [
            f"  {name:<34} {f.percent}" for name, f in together.items() if ("chest" in name) == (wanted == "refused")
        ]
    if held_out := _held_out():
        lines.append("Refused, each patient's judged by a head that was trained without them")
        lines += [f"  {name:<34} {figure.percent}" for name, figure in held_out.items()]
    lines.append("Named, with the right correction")
    lines += [f"  {f.kind:<34} {f.rate.percent}" for f in figures if f.expected not in ("accepted", "refused")]
    return "\n".join(lines)


def record(dice: dict[str, Estimate], figures: Sequence[GateFigure]) -> None:
    """Keep the figures in the lung network's card."""
    named = {f"Dice, {p}": figure for p, figure in dice.items()} | {f.kind: f.rate for f in figures}
    named |= all_together(figures) | _held_out()
    content = {name: {"estimate": f.estimate, "low": f.low, "high": f.high, "n": f.n} for name, f in named.items()}
    write_card(replace(read_card(), figures=content))
