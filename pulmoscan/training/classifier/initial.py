"""The weights that a training starts from, or learns from."""

from __future__ import annotations

from pathlib import Path

import torchvision
from safetensors import SafetensorError
from safetensors.torch import load_file

from pulmoscan.errors import TrainingError
from pulmoscan.models.networks import Network


def initialise(network: Network, architecture: str, init: str) -> int:
    """Load what matches by name and shape; the rest keeps its random start. Returns how many tensors matched.

    Half precision turns large variances of batch normalisation into infinity: such tensors are left out.
    """
    if init == "random":
        return 0
    if init == "imagenet":
        try:
            weights = torchvision.models.get_model_weights(architecture)["IMAGENET1K_V1"].get_state_dict(progress=True)
        except OSError as error:
            raise TrainingError(
                f"torchvision's weights could not be downloaded ({error}). Check the connection, or give a file of "
                "your own with --init FILE, or --init random."
            ) from error
    else:
        if not Path(init).is_file():
            raise TrainingError(f"{init} is not a file. Give a safetensors file, “imagenet” or “random” for --init.")
        try:
            weights = load_file(init)
        except (OSError, SafetensorError) as error:
            raise TrainingError(
                f"{init} cannot be read as safetensors ({error}). Download or export it again."
            ) from error
    own = network.backbone.state_dict()
    matching = {
        k: v.to(own[k].dtype) for k, v in weights.items() if k in own and v.shape == own[k].shape and v.isfinite().all()
    }
    if not matching:
        raise TrainingError(
            f"{init} holds no tensor that fits {architecture}. Give weights of that architecture with --init."
        )
    network.backbone.load_state_dict(own | matching)
    return len(matching)
