"""How near the gallery's pictures come to training radiographs in what a classifier makes of them.

    python -m tools.embeddings --data DATA/kermany

`resemblance` compares pixels; this compares embeddings, the pooled feature maps that a classifier decides by.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pulmoscan.gallery.samples import gallery
from pulmoscan.models.classifier import Classifier
from pulmoscan.models.loading import load_classifier
from pulmoscan.models.registry import MODELS
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.training.data.datasets import load_dataset, select

Embeddings = NDArray[np.float32]
SMALLEST_SPREAD = 1e-6
"""Keeps a channel that is the same for all radiographs from being divided by zero."""


def embed(classifier: Classifier, paths: Sequence[Path]) -> Embeddings:
    """The pooled feature map [N, C] of each file."""
    vectors = []
    for path in tqdm(paths, desc="embedding", unit="image", disable=None, leave=False):
        forward = classifier.forward(classifier.prepare(load_radiograph(path).pixels))
        vectors.append(forward.feature_map[0].mean(axis=(1, 2)))
    return np.stack(vectors)


def standardised(embeddings: Embeddings, centre: NDArray[np.float32], spread: NDArray[np.float32]) -> Embeddings:
    """Unit vectors [N, C] whose products are correlations, with every channel on the same scale."""
    scaled = (embeddings - centre) / spread
    return np.asarray(scaled / np.linalg.norm(scaled, axis=1, keepdims=True), dtype=np.float32)


def nearest_others(vectors: Embeddings, patients: Sequence[str]) -> NDArray[np.float32]:
    """For each radiograph its similarity to the nearest one of another patient."""
    names = np.array(patients)
    similarity = vectors @ vectors.T
    return np.asarray(np.where(names[:, None] == names[None], -1, similarity).max(axis=1), dtype=np.float32)


def main() -> None:
    """Print each picture's nearest training radiograph, and what to hold the similarity against."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the Kermany folder, with originals448")
    parser.add_argument("--model", choices=list(MODELS), default="resnet18")
    options = parser.parse_args()
    classifier = load_classifier(options.model)
    training = select(load_dataset(options.data), "train", "child")
    plain = embed(classifier, [e.path for e in training])
    scale = plain.mean(axis=0), plain.std(axis=0) + SMALLEST_SPREAD
    vectors = standardised(plain, *scale)
    with_original = [i for i, e in enumerate(training) if e.original]
    originals = standardised(embed(classifier, [e.original for e in training if e.original]), *scale)
    copies = (originals * vectors[with_original]).sum(axis=1)
    others = nearest_others(vectors, [e.patient for e in training])
    for name, found in (("its own smaller copy", copies), ("the nearest of another patient", others)):
        low, middle, high = np.percentile(found, [5, 50, 95])
        print(f"a radiograph and {name}: median {middle:.3f}, 5 to 95 % {low:.3f} to {high:.3f}, n = {len(found)}")
    samples = gallery()
    similarity = standardised(embed(classifier, [sample.path for sample in samples]), *scale) @ vectors.T
    for sample, row in zip(samples, similarity, strict=True):
        print(f"{sample.path.stem}: {row.max():.3f}, {training[int(row.argmax())].path.name}")


if __name__ == "__main__":
    main()
