"""Reference output: images, and the features that a network made of them, by which preprocessing and layout are known.

A file of safetensors with ``images``, uint8 (n, side, side, 3), and ``features``, float (n, n_channels, height, width).
Best made where the network was trained, with its own preprocessing, by whoever trained it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from closedloop.errors import CheckpointError
from closedloop.models.weight_files import read_safetensors, write_weights

IMAGES, FEATURES = "images", "features"
MOST_DIFFERENCE = 1e-3
"""Largest difference of a feature from the reference, over the SD of all: other processors round otherwise by 1e-5."""


@dataclass(frozen=True)
class ReferenceOutput:
    """Images and what a network makes of them.

    Attributes
    ----------
    images
        uint8, (n, side, side, 3).
    features
        (n, n_channels, height, width).
    """

    images: NDArray[np.uint8]
    features: NDArray[np.float32]


def write_reference(path: Path, reference: ReferenceOutput, *, described: Mapping[str, Any]) -> None:
    """Write reference output.

    Parameters
    ----------
    path
        A name that ends in .safetensors.
    reference
        What to write.
    described
        What the network is; JSON-able.
    """
    tensors = {IMAGES: torch.from_numpy(reference.images), FEATURES: torch.from_numpy(reference.features)}
    write_weights(path, tensors, metadata={"kind": "reference_output", **described})


def read_reference(path: Path) -> ReferenceOutput:
    """Read reference output.

    Raises
    ------
    CheckpointError
        The file holds none.
    """
    tensors = read_safetensors(path)
    images, features = tensors.get(IMAGES), tensors.get(FEATURES)
    fits = images is not None and images.dtype == torch.uint8 and images.dim() == 4 and images.shape[-1] == 3
    if images is None or features is None or not fits or len(features) != len(images) or not len(images):
        found = ", ".join(
            f"{key} {str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}" for key, value in tensors.items()
        )
        raise CheckpointError(
            f"{path}: expected {IMAGES}, uint8 (n, side, side, 3), and {FEATURES}, (n, channels, height, width), found "
            f"{found:.160}. Write it by `closedloop base-model check --write`, or where the network was trained."
        )
    return ReferenceOutput(images.numpy(), features.float().numpy())


def difference(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Return the largest difference of a feature over the SD of the expected ones; infinite where shapes differ."""
    if found.shape != expected.shape:
        return float("inf")
    spread = float(expected.std(dtype=np.float64)) or 1.0
    return float(np.abs(found.astype(np.float64) - expected).max()) / spread
