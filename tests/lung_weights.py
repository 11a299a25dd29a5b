"""A lung network that takes dark for lung: its outlines can be foretold, and it needs no training."""

from __future__ import annotations

import hashlib

import torch
from torch import nn

from pulmoscan.examination.lung_network import WIDTHS, Block, LungNetwork
from pulmoscan.examination.lungs import LungCard, weights_path, write_card
from pulmoscan.training.state import save_weights

DARK = 0.35
"""Standardised grey below which a pixel is lung."""

SURE = 6.0
"""Logit of an answer that leaves no doubt."""

LENIENT = {
    "chest": 0.5,
    "side": 0.5,
    "mahalanobis": 10.0,
    "turned": 0.5,
    "inverted": 0.5,
    "whole": 0.5,
    "smallest_area": 0.0,
    "largest_area": 1.0,
    "smaller_lung": 0.0,
}
"""Limits that let every picture through which the network calls an upright chest."""


def dark_is_lung(chest: bool = True, inverted: bool = False, turns: int = 0, side: bool = False) -> LungNetwork:
    """Outlines what is dark, and says the same of the kind of every picture."""
    network = LungNetwork().requires_grad_(False)
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.weight.zero_()
        if isinstance(module, (nn.Conv2d, nn.Linear)) and module.bias is not None:
            module.bias.zero_()
    _pass_on(network.down[0], 0)
    _pass_on(network.up[-1], WIDTHS[1])  # the shallowest level comes after what was upsampled
    network.outline.weight[0, 0] = -20.0
    assert network.outline.bias is not None
    network.outline.bias[0] = 20.0 * DARK
    answers = [SURE if yes else -SURE for yes in (chest, True, inverted, side)]
    answers += [SURE if turn == turns else -SURE for turn in range(4)]
    last = network.kind[-1]
    assert isinstance(last, nn.Linear)
    last.bias.copy_(torch.tensor(answers))
    return network.eval()


def install_lungs(network: LungNetwork) -> None:
    """Write its weights and card as the training does."""
    save_weights(network, weights_path())
    digest = hashlib.sha256(weights_path().read_bytes()).hexdigest()
    write_card(LungCard(digest, LENIENT, {"epochs": 0}, {}))


def _pass_on(block: nn.Module, channel: int) -> None:
    """Make a block hand one channel of its input on as its first."""
    assert isinstance(block, Block)
    first, second = (module for module in block if isinstance(module, nn.Conv2d))
    first.weight[0, channel, 1, 1] = 1.0
    second.weight[0, 0, 1, 1] = 1.0
