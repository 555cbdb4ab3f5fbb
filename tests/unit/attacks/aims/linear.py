"""A linear model of four sites on small images, of which closed forms are known."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

SIDE, N_SITES = 16, 4
PER_EPSILON = SIDE / 224


class Linear(nn.Module):
    """``W (x - 1/2)`` with smooth rows of norm 1.7, computed so that no image's answer depends on another's."""

    weights: Tensor

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        white = np.random.default_rng(seed).standard_normal((N_SITES, 3, SIDE, SIDE))
        smooth = gaussian_filter(white, sigma=(0, 0, 1, 1)).reshape(N_SITES, -1)
        weights = 1.7 * smooth / np.linalg.norm(smooth, axis=1, keepdims=True)
        self.register_buffer("weights", torch.from_numpy(weights).float())

    def forward(self, images: Tensor) -> Tensor:
        answers: Tensor = ((images - 0.5).flatten(1)[:, None] * self.weights).sum(dim=2)
        return answers


def grey_images(n: int = 3) -> NDArray[np.uint8]:
    """Return images far from black and white, so that no box is met."""
    return np.random.default_rng(5).integers(90, 166, (n, SIDE, SIDE, 3), dtype=np.uint8)


def responses(model: nn.Module, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return a model's responses to bytes."""
    with torch.no_grad():
        found = model(torch.from_numpy(np.moveaxis(images, -1, 1).copy()).double().float() / 255)
    return np.asarray(found.double().numpy())


def flat_weights(model: Linear) -> NDArray[np.float64]:
    """Return its weights in the order of an image's bytes, (n_sites, n_values)."""
    square = model.weights.double().view(-1, 3, SIDE, SIDE)
    return np.asarray(square.permute(0, 2, 3, 1).flatten(1).numpy())
