"""The L2 ball (the paper's, section 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from closedloop.attacks.balls.ball import in_box, per_item


@dataclass(frozen=True)
class L2:
    """Perturbations of an L2 norm of at most the radius."""

    def start(self, radius: Tensor, *, shape: Sequence[int], seeds: Sequence[int]) -> Tensor:
        """Draw perturbations uniformly from the ball, (n_items, *shape), one generator an item."""
        draws = torch.stack([_uniform_in_unit_ball(shape, seed) for seed in seeds])
        return draws.to(radius.device) * per_item(radius, draws)

    def ascent(self, gradient: Tensor) -> Tensor:
        """Each item's gradient with unit L2 norm; a gradient of exactly zero stays zero."""
        smallest = torch.finfo(gradient.dtype).tiny
        largest = gradient.flatten(1).abs().amax(1).clamp_min(smallest)
        scaled = gradient / per_item(largest, gradient)  # so that squares of tiny or huge gradients stay representable
        norm = scaled.flatten(1).norm(dim=1).clamp_min(smallest)
        return scaled / per_item(norm, gradient)

    def project(self, delta: Tensor, *, clean: Tensor, radius: Tensor) -> Tensor:
        """Shrink to the radius along the ray, then clip to the box."""
        norm = delta.flatten(1).norm(dim=1).clamp_min(torch.finfo(delta.dtype).tiny)
        return in_box(delta * per_item((radius / norm).clamp_max(1.0), delta), clean)


def _uniform_in_unit_ball(shape: Sequence[int], seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    direction = torch.randn(tuple(shape), generator=generator)
    share_inside: Tensor = torch.rand((), generator=generator) ** (1.0 / direction.numel())
    start: Tensor = direction / direction.norm() * share_inside
    return start
