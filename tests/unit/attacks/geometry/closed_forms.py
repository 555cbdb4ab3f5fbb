"""Responses whose geometry is known, in float64, on images of 4 x 4 pixels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from closedloop.attacks.geometry.responses import ResponseOf

SHAPE = (3, 4, 4)


class Linear(nn.Module):
    """A linear unit of the first value."""

    def forward(self, images: Tensor) -> Tensor:
        return (2 * images.flatten(1)[:, :1]).clone()


class Norm(nn.Module):
    """The distance from the origin, times a sign."""

    def __init__(self, sign: float) -> None:
        super().__init__()
        self.sign = sign

    def forward(self, images: Tensor) -> Tensor:
        return self.sign * images.flatten(1).norm(dim=1, keepdim=True)


class Saddle(nn.Module):
    """A slope of 2 along the first value, that bends by 3 along the second and by -5 along the third."""

    def forward(self, images: Tensor) -> Tensor:
        x = images.flatten(1)
        return (2 * x[:, 0] + 1.5 * x[:, 1] ** 2 - 2.5 * x[:, 2] ** 2)[:, None]


def response_of_all(model: nn.Module, n: int) -> ResponseOf:
    return ResponseOf(model.eval(), torch.zeros(n, dtype=torch.int64))


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
