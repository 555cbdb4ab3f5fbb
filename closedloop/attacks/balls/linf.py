"""The L-infinity ball, for studies of defences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from closedloop.attacks.balls.ball import in_box, per_item


@dataclass(frozen=True)
class LInf:
    """Perturbations that change no value by more than the radius."""

    def start(self, radius: Tensor, *, shape: Sequence[int], seeds: Sequence[int]) -> Tensor:
        """Draw perturbations uniformly from the ball, (n_items, *shape), one generator an item."""
        draws = torch.stack([_uniform_in_unit_cube(shape, seed) for seed in seeds])
        return draws.to(radius.device) * per_item(radius, draws)

    def ascent(self, gradient: Tensor) -> Tensor:
        """Sign of the gradient."""
        return gradient.sign()

    def project(self, delta: Tensor, *, clean: Tensor, radius: Tensor) -> Tensor:
        """Clip each value to the radius, then to the box."""
        bound = per_item(radius, delta)
        return in_box(torch.minimum(torch.maximum(delta, -bound), bound), clean)


def _uniform_in_unit_cube(shape: Sequence[int], seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(tuple(shape), generator=generator) - 1
