"""Each ball on whole grey levels: rounding into it, and whether a change lies in it, compared exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import torch
from torch import Tensor

from closedloop.attacks.balls import L2, Ball, LInf
from closedloop.attacks.lattice.grid import LatticeBall, lattice_ball, squared
from closedloop.attacks.lattice.rounding import round_scaled


@dataclass(frozen=True)
class RoundedBall:
    """Changes in whole levels that each item may make, (n_items, n_values), as float32.

    Attributes
    ----------
    ball
        Box, with the bound of `LInf` in it, and the squared budget of `L2`.
    is_bounded
        Whether the budget counts.
    """

    ball: LatticeBall
    is_bounded: bool

    def rounded(self, wanted: Tensor) -> Tensor:
        """Round changes to whole levels inside the box; their norm may be above the budget."""
        return wanted.round().clamp(self.ball.lowest, self.ball.highest)

    def holds(self, change: Tensor) -> Tensor:
        """Return whether changes inside the box lie in the ball too, bool, (n_items,)."""
        if not self.is_bounded:
            return torch.ones(len(change), dtype=torch.bool, device=change.device)
        return squared(change) <= self.ball.budget

    def nearest(self, wanted: Tensor) -> Tensor:
        """Round changes, and those that leave the ball by that a little less far along themselves."""
        change = self.rounded(wanted)
        inside = self.holds(change)
        if bool(inside.all()):
            return change
        return torch.where(inside[:, None], change, round_scaled(self.ball, wanted))


def ball_on_lattice(ball: Ball, pixels: Tensor, radius: Sequence[float], *, levels: int) -> RoundedBall:
    """Return a ball around clean images on whole levels.

    Parameters
    ----------
    ball
        `L2`, `LInf` or `Anywhere`.
    pixels
        Clean images in whole levels, (n_items, ...).
    radius
        Of each item, in [0, 1] pixel units.
    levels
        Lattice steps between 0 and 1.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks.balls import LInf
    >>> inside = ball_on_lattice(LInf(), torch.full((1, 2), 128.0), [0.01], levels=255)
    >>> inside.rounded(torch.tensor([[9.0, -1.2]])).tolist()
    [[2.0, -1.0]]
    """
    box = lattice_ball(pixels, radius, levels=levels)
    if isinstance(ball, L2):
        return RoundedBall(box, is_bounded=True)
    if isinstance(ball, LInf):
        most = [int(Fraction(float(one)) * levels) for one in radius]
        bound = torch.tensor(most, dtype=torch.float32, device=pixels.device)[:, None]
        box = replace(box, lowest=torch.maximum(box.lowest, -bound), highest=torch.minimum(box.highest, bound))
    return RoundedBall(box, is_bounded=False)
