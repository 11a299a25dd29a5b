"""The lung network: one small U-Net that outlines the lungs and says what kind of picture it was given.

After Ronneberger et al. 2015 (doi 10.1007/978-3-319-24574-4_28), with the first convolution at half resolution and a
second head on what the deeper levels found. Both heads share one pass, so looking for the lungs and checking that there
is a chest to look at cost no more than either.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

WIDTHS: tuple[int, ...] = (24, 48, 96, 160, 192)
KINDS = 8
"""Logits of the second head: chest, whole, inverted, side view, and one for each number of quarter turns."""

SEEN = slice(2, 5)
"""The levels whose means and maxima the second head sees: those that are not mere edges."""

FEATURES = 2 * sum(WIDTHS[SEEN])
HIDDEN = 64


class Block(nn.Sequential):
    """Two 3 × 3 convolutions with batch normalisation; the first may halve the resolution."""

    def __init__(self, channels_in: int, channels: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        )


class KindHead(nn.Sequential):
    """Features [N, 896] of the deeper levels (see `LungNetwork.features`) -> logits [N, 8], see `KINDS`."""

    def __init__(self) -> None:
        super().__init__(
            nn.BatchNorm1d(FEATURES, affine=False),
            nn.Dropout(0.2),
            nn.Linear(FEATURES, HIDDEN),
            nn.ReLU(inplace=True),
            nn.Linear(HIDDEN, KINDS),
        )


class LungNetwork(nn.Module):
    """2.4 million parameters, 1.4 billion multiplications for one picture."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (1, *WIDTHS)
        self.down = nn.ModuleList(Block(a, b, stride=2) for a, b in zip(sizes, WIDTHS, strict=False))
        deeper, shallower = WIDTHS[:0:-1], WIDTHS[-2::-1]
        self.up = nn.ModuleList(Block(a + b, b) for a, b in zip(deeper, shallower, strict=True))
        self.outline = nn.Conv2d(WIDTHS[0], 1, 1)
        self.kind = KindHead()
        self.usual: torch.Tensor
        self.whitening: torch.Tensor
        self.register_buffer("usual", torch.zeros(WIDTHS[-1]))
        self.register_buffer("whitening", torch.eye(WIDTHS[-1]))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Standardised grey [N, 1, 224, 224] in [0, 1] -> lung logits [N, 224, 224], kinds [N, 8], mahalanobis [N].

        `Findings.of` names them.
        """
        levels = self._levels(x)
        kinds = self.kind(_pooled(levels))
        embedding = levels[-1].mean(dim=(2, 3))
        mahalanobis = (((embedding - self.usual) @ self.whitening) ** 2).mean(dim=1).sqrt()
        x = levels[-1]
        for block, level in zip(self.up, levels[-2::-1], strict=True):
            x = block(torch.cat([_doubled(x), level], dim=1))
        return _doubled(self.outline(x)).squeeze(1), kinds, mahalanobis

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """What the second head sees, [N, 896]: means and maxima of the levels `SEEN`."""
        return _pooled(self._levels(x))

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """The bottleneck's mean features [N, 192]."""
        return self._levels(x)[-1].mean(dim=(2, 3))

    def _levels(self, x: torch.Tensor) -> list[torch.Tensor]:
        levels = []
        for block in self.down:
            x = block(x)
            levels.append(x)
        return levels

    def learn_usual(self, embeddings: torch.Tensor) -> None:
        """Fix what is usual from the embeddings [N, 192] of chest radiographs, with a shrunken covariance.

        After Lee et al. 2018 (arXiv:1807.03888); the shrinkage is Ledoit and Wolf's (2004).
        """
        from sklearn.covariance import LedoitWolf  # training alone needs it

        fitted = LedoitWolf().fit(embeddings.double().numpy())
        values, vectors = np.linalg.eigh(fitted.covariance_)
        whitening = vectors / np.sqrt(values)
        self.usual.copy_(torch.from_numpy(fitted.location_))
        self.whitening.copy_(torch.from_numpy(whitening))


def _doubled(x: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def _pooled(levels: list[torch.Tensor]) -> torch.Tensor:
    seen = levels[SEEN]
    return torch.cat([x.mean(dim=(2, 3)) for x in seen] + [x.amax(dim=(2, 3)) for x in seen], dim=1)
