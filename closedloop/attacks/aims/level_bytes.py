"""Keep a level on whole grey levels: of scaled copies of a change, rounded, the one nearest to the target."""

from __future__ import annotations

import torch
from torch import Tensor

from closedloop.attacks.aims.levels import Goals, LevelSettings
from closedloop.attacks.engine.evaluation import Evaluator
from closedloop.attacks.lattice.balls import ball_on_lattice


def level_on_lattice(
    evaluator: Evaluator, goals: Goals, delta: Tensor, *, settings: LevelSettings, levels: int
) -> Tensor:
    """Return lattice images near the found ones whose responses are nearest to the targets, inside their balls.

    Rounding moves a response by a few hundredths of an SD either way, by another amount for each scale of the change:
    among some scales one comes out right. The nearest image inside the ball is always among them. Values that all moved
    by as much, as those in a cube do, would all be rounded alike: there each has a threshold of its own (dithering).

    Parameters
    ----------
    evaluator
        Its objective is the response itself.
    goals
        What to reach.
    delta
        Float perturbations, (n_items, 3, height, width).
    settings
        Which scales.
    levels
        Lattice steps between 0 and 1.

    Returns
    -------
    Tensor
        Images in whole levels, float32, shape of `delta`.
    """
    pixels = (goals.clean * levels).round()
    lattice = ball_on_lattice(evaluator.method.ball, pixels, goals.radius.tolist(), levels=levels)
    wanted = delta.flatten(1) * levels
    best = lattice.nearest(wanted)
    gap = _gap(evaluator, goals, pixels, best, levels)
    dither = 0.0 if lattice.is_bounded else _dither(wanted)
    spread = torch.linspace(-settings.widest, settings.widest, settings.scales).tolist()
    for scale in sorted((1 + away for away in spread), key=lambda scale: (abs(scale - 1), scale)):
        change = lattice.rounded(wanted * scale + dither)
        found = torch.where(lattice.holds(change), _gap(evaluator, goals, pixels, change, levels), torch.inf)
        nearer = found < gap
        best, gap = torch.where(nearer[:, None], change, best), torch.where(nearer, found, gap)
    return pixels + best.view_as(pixels)


def _gap(evaluator: Evaluator, goals: Goals, pixels: Tensor, change: Tensor, levels: int) -> Tensor:
    shown = (pixels + change.view_as(pixels)) / levels
    return (evaluator.value(shown, goals.rows) - goals.target).abs()


def _dither(like: Tensor) -> Tensor:
    """Return a threshold a value between -1/2 and 1/2, the same for every item: multiples of the golden ratio."""
    multiples = torch.arange(like.shape[1], dtype=torch.float64) * _GOLDEN % 1.0
    return (multiples - 0.5).to(like)


_GOLDEN = (1 + 5**0.5) / 2
