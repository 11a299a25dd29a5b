"""Make the sample gallery: composite radiographs, each the average anatomy of several training radiographs.

`python -m pulmoscan.training.composites --data ../shared/data/kermany --out test_samples`

A composite shows no real patient: its members are aligned densely (`alignment`) and averaged with equal weight. What
averaging takes from each band of detail is given back by raising that band of the average to its members' typical
energy; no member's own detail is put in.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from pulmoscan.samples import GalleryLabel
from pulmoscan.training.alignment import (
    WIDTH,
    Flow,
    Image,
    detail,
    find_flow,
    follow,
    lung_correlation,
    refine_group,
)
from pulmoscan.training.blending import clipped_mean, restore_detail
from pulmoscan.training.datasets import load_dataset, select
from pulmoscan.training.gallery import Picture, adult_radiograph, write_gallery
from pulmoscan.training.resemblance import nearest, resemblance
from pulmoscan.training.sources import CITATION, Source, load_sources, read_source

MEMBERS = 10
NEIGHBOURS = (30, 24)
"""Of so many most similar normal or pneumonia radiographs, the `MEMBERS` that register best are composed. More would
thin out the opacities."""

PATTERNS = ("right upper", "right lower", "left upper", "left lower", "both sides")
"""Where the sources of a pneumonia composite are denser than normal lungs. Right is the patient's."""

EDGE = 8
"""Pixels cut from each side of the finished frame, where some members have no image."""

CANDIDATES_NORMAL = 12
CANDIDATES_PER_PATTERN = 3
CANDIDATES_BETWEEN = 2
SHOWN, STRONGEST = 0.75, 0.93
"""Quantiles of a pattern's strength above which a pneumonia composite's members lie, and its seed."""

REFERENCES = 20
"""Radiographs whose resemblance to copies, repeats and others is measured, to hold the composites' against."""


KINDS: Mapping[int | None, tuple[str, GalleryLabel]] = {
    0: ("Normal", "normal"),
    1: ("Pneumonia", "pneumonia"),
    None: ("Borderline", "unknown"),
}


@dataclass(frozen=True)
class Choice:
    """A candidate that is shown, and what it teaches beyond its class."""

    name: str
    lesson: str = ""


CHOSEN: Mapping[int, Choice] = {
    0: Choice("normal_1"),
    2: Choice("normal_2"),
    4: Choice("normal_3"),
    7: Choice("normal_4"),
    1: Choice("normal_5"),
    3: Choice("normal_6"),
    5: Choice("normal_7"),
    6: Choice("normal_8"),
    10: Choice("normal_9", "A broad heart is no opacity."),
    11: Choice("normal_10", "With a trap: the gas below the left diaphragm belongs to the stomach."),
    15: Choice("pneumonia_1"),
    16: Choice("pneumonia_2"),
    23: Choice("pneumonia_3"),
    24: Choice("pneumonia_4", "A clear case."),
    13: Choice("pneumonia_5"),
    14: Choice("pneumonia_6", "A subtle case: one zone is a little hazier, no more."),
    17: Choice("pneumonia_7"),
    21: Choice("pneumonia_8"),
    25: Choice("pneumonia_9"),
    26: Choice("pneumonia_10", "A clear case."),
    27: Choice("borderline_1", "The models disagree on it, and the threshold decides."),
}
"""By position among the candidates: chosen by eye, before any model had read them."""


@dataclass(frozen=True)
class Composite:
    """A finished composite: `pixels` [H, 448] in [0, 1] and `framed` [320, 448], the same before its display tone."""

    pixels: Image
    framed: Image
    label: int | None  # None between the classes
    pattern: str
    members: tuple[Source, ...]
    aligned: NDArray[np.float32]  # [members, 320, 448]


def candidates(sources: Sequence[Source]) -> Iterator[Composite]:
    """All candidates by the rule: normal ones, pneumonias, then those between; no patient is in two of them.

    A candidate grows around a seed: of the radiographs that show its pattern best, the one with the closest neighbours.
    Between the classes it is the pneumonia with the closest normals, and half of the members come from each class.
    """
    labels = np.array([source.example.label for source in sources])
    lung = np.mean([source.lung for source in sources], axis=0) > 0.6
    small = np.array([source.small for source in sources])
    opacity = (small - small[labels == 0].mean(axis=0))[:, lung]
    free = np.ones(len(sources), dtype=bool)
    zones = _zones(lung)
    regional = np.stack([opacity[:, zone].mean(axis=1) for zone in zones], axis=1)
    for label, pattern, count in (
        (0, "", CANDIDATES_NORMAL),
        *((1, pattern, CANDIDATES_PER_PATTERN) for pattern in PATTERNS),
    ):
        strength = _pattern_strength(regional, pattern)
        shows, strong = (
            strength >= np.quantile(strength[labels == label], q if pattern else 0) for q in (SHOWN, STRONGEST)
        )
        for _ in range(count):
            pool = np.flatnonzero(free & shows & (labels == label))
            distances = cdist(opacity[pool], opacity[pool])
            nearness = np.sort(distances, axis=1)[:, 1 : NEIGHBOURS[label] // 2].mean(axis=1)
            seed = np.argmin(np.where(strong[pool], nearness, np.inf))
            neighbours = pool[np.argsort(distances[seed], kind="stable")[: NEIGHBOURS[label]]]
            chosen = _best_registered(sources, neighbours[0], neighbours, MEMBERS)
            free[[i for i, _ in chosen]] = False
            yield compose([sources[i] for i, _ in chosen], [flow for _, flow in chosen], pattern)
    for _ in range(CANDIDATES_BETWEEN):
        normal, pneumonia = (np.flatnonzero(free & (labels == label)) for label in (0, 1))
        nearness = np.sort(cdist(opacity[pneumonia], opacity[normal]), axis=1)[:, : NEIGHBOURS[0] // 2].mean(axis=1)
        seed = pneumonia[np.argmin(nearness)]
        chosen = []
        for pool, most in ((normal, NEIGHBOURS[0]), (pneumonia, NEIGHBOURS[1])):
            distances = cdist(opacity[[seed]], opacity[pool])[0]
            neighbours = pool[np.argsort(distances, kind="stable")[:most]]
            chosen += _best_registered(sources, seed, neighbours, MEMBERS // 2)
        free[[i for i, _ in chosen]] = False
        yield compose([sources[i] for i, _ in chosen], [flow for _, flow in chosen])


def _zones(lung: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Of the lung's cells: right upper, right lower, left upper, left lower."""
    rows, columns = np.nonzero(lung)
    upper, right = rows < np.median(rows), columns < lung.shape[1] / 2
    return [right & upper, right & ~upper, ~right & upper, ~right & ~upper]


def _pattern_strength(regional: NDArray[np.floating], pattern: str) -> NDArray[np.floating]:
    """How much denser the pattern's zone is than the other zones; "both sides" asks all zones to be dense."""
    if not pattern:
        return np.zeros(len(regional))
    zone = PATTERNS.index(pattern)
    if zone == regional.shape[1]:
        return np.minimum(regional[:, :2].mean(axis=1), regional[:, 2:].mean(axis=1))
    return np.asarray(regional[:, zone] - np.delete(regional, zone, axis=1).mean(axis=1))


def _best_registered(
    sources: Sequence[Source], seed: int, neighbours: NDArray[np.intp], count: int
) -> list[tuple[int, Flow]]:
    """Position and flow of the `count` neighbours that fit the seed best."""
    template = detail(sources[seed].pixels)
    found = []
    for order, neighbour in enumerate(neighbours):
        image = detail(sources[neighbour].pixels)
        flow = find_flow(template, image)
        found.append((-lung_correlation(template, follow(image, flow)), order, neighbour, flow))
    found.sort(key=lambda entry: entry[:2])
    return [(neighbour, flow) for _, _, neighbour, flow in found[:count]]


def compose(members: Sequence[Source], flows: Sequence[Flow], pattern: str = "") -> Composite:
    """Align the members along the flows, refined together, and blend them."""
    flows = refine_group([detail(member.pixels) for member in members], flows)
    aligned = np.stack([follow(member.pixels, flow) for member, flow in zip(members, flows, strict=True)])
    return blend(members, aligned, pattern)


def blend(members: Sequence[Source], aligned: NDArray[np.float32], pattern: str = "") -> Composite:
    """Average aligned members [N, 320, 448] and give the result their display tone and proportions."""
    framed = restore_detail(clipped_mean(aligned), aligned)
    low, high = (float(np.mean([getattr(member, end) for member in members])) for end in ("low", "high"))
    squeeze = math.exp(float(np.mean([math.log(member.squeeze) for member in members])))
    tone = np.clip(low + framed * (high - low), 0, 1).astype(np.float32)
    tone = tone[EDGE:-EDGE, EDGE:-EDGE]
    height = round(WIDTH * squeeze * tone.shape[0] / tone.shape[1])
    pixels = cv2.resize(tone, (WIDTH, height), interpolation=cv2.INTER_CUBIC)
    shown = np.asarray(pixels, dtype=np.float32).clip(0, 1)
    labels = {member.example.label for member in members}
    return Composite(shown, framed, labels.pop() if len(labels) == 1 else None, pattern, tuple(members), aligned)


def main() -> None:
    """Make the gallery, or all candidates to choose from; print how much each resembles a training radiograph."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the Kermany folder, with originals448")
    parser.add_argument("--out", type=Path, required=True, help="where the images and samples.json go")
    parser.add_argument("--all", action="store_true", help="write every candidate instead of the chosen ones")
    options = parser.parse_args()
    cv2.setNumThreads(1)  # the same sums in the same order on every machine
    sources = load_sources(options.data)
    pictures = []
    for position, composite in enumerate(candidates(sources)):
        choice = Choice(f"candidate_{position:02d}") if options.all else CHOSEN.get(position)
        if choice is not None:
            pictures.append(_picture(composite, choice, {} if options.all else _figures(composite, sources)))
            print(
                choice.name,
                composite.pattern,
                *(f"{k} {v:.2f}" for k, v in pictures[-1].details["resemblance"].items()),
                flush=True,
            )
    if not options.all:
        order = [f"{choice.name}.png" for choice in CHOSEN.values()]
        pictures.sort(key=lambda picture: order.index(picture.file))
        pictures.append(adult_radiograph())
        for name, figures in _references(sources, options.data).items():
            print(
                f"{name}: n {len(figures)}, median {np.median(figures):.2f}, {min(figures):.2f} to {max(figures):.2f}"
            )
    write_gallery(options.out, pictures)


def _figures(composite: Composite, sources: Sequence[Source]) -> dict[str, float]:
    """Resemblance to the nearest member, to that one had it not been a member, and to the nearest other patient."""
    to_members = [resemblance(composite.framed, member.pixels) for member in composite.members]
    closest = int(np.argmax(to_members))
    rest = np.delete(composite.aligned, closest, axis=0)
    without = restore_detail(clipped_mean(rest), rest)
    members = {member.example.patient for member in composite.members}
    others = [source.pixels for source in sources if source.example.patient not in members]
    return {
        "nearest_member": to_members[closest],
        "had_it_been_left_out": resemblance(without, composite.members[closest].pixels),
        "mean_member": float(np.mean(to_members)),
        "nearest_other": nearest(composite.framed, others)[1],
    }


def _references(sources: Sequence[Source], data: Path) -> dict[str, list[float]]:
    """What the figures are to be held against: copies, the same patient again, and the nearest other patient."""
    found: dict[str, list[float]] = {"copy at 224 pixels": [], "same patient, other exposure": [], "other patient": []}
    by_patient = {source.example.patient: source for source in sources}
    for example in select(load_dataset(data), "train", "child"):
        first = by_patient.get(example.patient)
        if len(found["same patient, other exposure"]) == REFERENCES:
            break
        if first and example.original and example.lung_mask and example.path != first.example.path:
            again = read_source(example, example.original, example.lung_mask)
            if again is not None:
                found["same patient, other exposure"].append(resemblance(first.pixels, again.pixels))
    for i in range(0, len(sources), len(sources) // REFERENCES):
        source, example = sources[i], sources[i].example
        copy = read_source(example, example.path, example.lung_mask) if example.lung_mask else None
        if copy is not None:
            found["copy at 224 pixels"].append(resemblance(source.pixels, copy.pixels))
        found["other patient"].append(nearest(source.pixels, [s.pixels for s in sources if s is not source])[1])
    return found


def _picture(composite: Composite, choice: Choice, figures: Mapping[str, float]) -> Picture:
    notice = f"Composite of {len(composite.members)} training radiographs ({CITATION}); shows no real patient"
    kind, label = KINDS[composite.label]
    zone = "on both sides" if composite.pattern == PATTERNS[-1] else f"in the {composite.pattern} zone"
    dense = f"Its sources are denser than normal lungs {zone}." if composite.pattern else ""
    half = "Half of its sources are normal, half are pneumonias." if composite.label is None else ""
    return Picture(
        file=f"{choice.name}.png",
        pixels=np.round(composite.pixels * 255).astype(np.uint8),
        title=f"{kind} {choice.name.rsplit('_', 1)[1]}",
        label=label,
        caption=" ".join(part for part in (f"{notice}.", dense, half, choice.lesson) if part),
        origin=notice,
        details={
            "members": [member.example.path.name for member in composite.members],
            "resemblance": {key: round(value, 3) for key, value in figures.items()},
        },
    )


if __name__ == "__main__":
    main()
