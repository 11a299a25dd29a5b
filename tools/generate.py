"""Make the sample gallery: radiographs drawn from the generator (`generator`), which show no real patient.

`python -m tools.generate --data ../shared/data/kermany --out test_samples`
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pulmoscan.gallery.samples import GalleryLabel
from pulmoscan.training.data.datasets import Example, load_dataset, select
from tools.gallery import Picture, adult_radiograph, write_gallery
from tools.generator import Drawn, Generator, draw, fit
from tools.resemblance import Library, library, resemblance
from tools.sources import CITATION, SourceRadiograph, load_sources, read_source

CANDIDATES = 30
"""Drawn of each kind to choose from."""

REFERENCES = 20
"""Radiographs whose resemblance to copies, repeats and others is measured, to hold the generated ones' against."""


@dataclass(frozen=True)
class SampleClass:
    """What a radiograph is generated as."""

    title: str
    label: GalleryLabel
    pneumonia: float  # what the draw is conditioned on
    first_seed: int  # of its candidates
    condition: str


KINDS: Mapping[str, SampleClass] = {
    "normal": SampleClass("Normal", "normal", 0.0, 1000, "Drawn from the generator's normal class."),
    "pneumonia": SampleClass("Pneumonia", "pneumonia", 1.0, 2000, "Drawn from the generator's pneumonia class."),
    "borderline": SampleClass("Borderline", "unknown", 0.5, 3000, "Drawn halfway between the generator's two classes."),
}


@dataclass(frozen=True)
class Choice:
    """A candidate that is shown, and what it teaches beyond its class."""

    kind: str
    candidate: int
    lesson: str = ""


CHOSEN: Sequence[Choice] = (
    *(Choice("normal", candidate) for candidate in (6, 22, 5, 9, 18, 4, 13, 10)),
    Choice("normal", 26, "A broad heart is no opacity."),
    Choice("normal", 3, "With a trap: the bright branches beside the heart are the vessels of the hilum."),
    Choice("pneumonia", 25, "A clear case: patches on both sides of the heart."),
    *(Choice("pneumonia", candidate) for candidate in (18, 2, 27, 4)),
    Choice("pneumonia", 14, "A clear case: both lungs are hazy."),
    *(Choice("pneumonia", candidate) for candidate in (5, 1, 23)),
    Choice("pneumonia", 16, "A subtle case: one zone is a little hazier, no more."),
    Choice(
        "borderline", 9, "Suspected at the default operating point, cleared at the balanced one: the threshold decides."
    ),
)
"""In the gallery's order, numbered within their kind. Normals and pneumonias were chosen by eye, before any model had
read them; the borderline case is the first on which the models of its day disagreed."""


def main() -> None:
    """Make the gallery, or all candidates to choose from; print how much each resembles a training radiograph."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the Kermany folder, with originals448")
    parser.add_argument("--out", type=Path, required=True, help="where the images and samples.json go")
    parser.add_argument("--all", action="store_true", help="write every candidate instead of the chosen ones")
    options = parser.parse_args()
    cv2.setNumThreads(1)  # the same sums in the same order on every machine
    sources = load_sources(options.data)
    generator = fit(sources)
    learned = generator.normal.learned_from, generator.pneumonia.learned_from
    print("learned from {} normal radiographs and {} with pneumonia".format(*learned), flush=True)
    if options.all:
        every = (Choice(kind, candidate) for kind in KINDS for candidate in range(CANDIDATES))
        write_gallery(options.out, [_picture(c, f"{c.kind}_{c.candidate:02d}", _draw(generator, c)) for c in every])
        return
    training = select(load_dataset(options.data), "train", "child")
    known = library(training)
    print(f"the nearest is searched for among {len(known.examples)} training radiographs", flush=True)
    pictures = []
    for name, choice in _named(CHOSEN):
        drawn = _draw(generator, choice)
        example, value = known.nearest(drawn.framed)
        print(f"{name}: {value:.2f}, {example.path.name}", flush=True)
        details = {"seed": _seed(choice), "nearest": {"file": example.path.name, "resemblance": round(value, 3)}}
        pictures.append(_picture(choice, name, drawn, details))
    for name, figures in _references(sources, training, known).items():
        print(f"{name}: n {len(figures)}, median {np.median(figures):.2f}, {min(figures):.2f} to {max(figures):.2f}")
    write_gallery(options.out, [*pictures, adult_radiograph()])


def _named(choices: Sequence[Choice]) -> Iterator[tuple[str, Choice]]:
    """normal_1, normal_2, …, pneumonia_1, …"""
    for place, choice in enumerate(choices):
        number = sum(other.kind == choice.kind for other in choices[: place + 1])
        yield f"{choice.kind}_{number}", choice


def _seed(choice: Choice) -> int:
    return KINDS[choice.kind].first_seed + choice.candidate


def _draw(generator: Generator, choice: Choice) -> Drawn:
    return draw(generator, KINDS[choice.kind].pneumonia, _seed(choice))


def _references(
    sources: Sequence[SourceRadiograph], training: Sequence[Example], known: Library
) -> dict[str, list[float]]:
    """What the figures are to be held against: copies, the same patient again, and the nearest other patient."""
    found: dict[str, list[float]] = {"copy at 224 pixels": [], "same patient, other exposure": [], "other patient": []}
    by_patient = {source.example.patient: source for source in sources}
    for example in training:
        first = by_patient.get(example.patient)
        if len(found["same patient, other exposure"]) == REFERENCES:
            break
        if first and example.original and example.lung_mask and example.path != first.example.path:
            again = read_source(example, example.original, example.lung_mask)
            if again is not None:
                found["same patient, other exposure"].append(resemblance(first.pixels, again.pixels))
    for source in sources[:: max(len(sources) // REFERENCES, 1)]:
        example = source.example
        copy = read_source(example, example.path, example.lung_mask) if example.lung_mask else None
        if copy is not None:
            found["copy at 224 pixels"].append(resemblance(source.pixels, copy.pixels))
        found["other patient"].append(known.nearest(source.pixels, but=example.patient)[1])
    return found


def _picture(choice: Choice, name: str, drawn: Drawn, details: Mapping[str, object] | None = None) -> Picture:
    kind = KINDS[choice.kind]
    origin = f"Generated by a model of training radiographs ({CITATION}); shows no real patient"
    return Picture(
        file=f"{name}.png",
        pixels=np.round(drawn.pixels * 255).astype(np.uint8),
        title=f"{kind.title} {name.rsplit('_', 1)[1]}",
        label=kind.label,
        caption=" ".join(part for part in (f"{origin}.", kind.condition, choice.lesson) if part),
        origin=origin,
        details={**(details or {}), "population": "child"},
    )


if __name__ == "__main__":
    main()
