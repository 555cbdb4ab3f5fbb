"""Eight bits: put a float perturbation on the lattice of an image file without leaving its L2 ball.

Plain rounding shows up to 5 % more than the stated budget at epsilon 1, and so inflates sensitivity. Here the norm is
counted in whole grey levels and never exceeds the radius.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from closedloop.attacks.balls import PAPER_SIDE_PX

GREY_LEVELS = 255
"""Steps between black and white in an 8-bit image."""

_BISECTIONS = 30
"""Halvings of c; what they leave undecided is far less than one level in one pixel, and is spent afterwards."""

_DOUBLINGS = 40
"""Growth of c while the box holds the norm below the budget; pixels 2 ** -40 times slower than the rest stay put."""


def to_lattice(
    clean: NDArray[np.uint8],
    delta: NDArray[np.floating],
    *,
    radius: NDArray[np.floating],
    gain_gradient: NDArray[np.floating] | None = None,
    levels: int = GREY_LEVELS,
) -> NDArray[np.uint8]:
    """Images on the lattice, inside box and ball, as close to the float optimum as the budget allows.

    First the largest c with ``||round(clip(x + c delta)) - x|| <= radius``: for a linear response with gradient along
    delta this takes single-level moves in the order of gain over cost. Then what is left of the budget is spent on
    further single-level moves, best first-order gain over cost first, until none fits.

    Parameters
    ----------
    clean
        Clean images, integers 0 to `levels`, shape (n_images, height, width, 3).
    delta
        Perturbations in [0, 1] pixel units, same shape, each with any norm.
    radius
        L2 radius of each image in [0, 1] pixel units, shape (n_images,).
    gain_gradient
        Gradient of what the attack wants to be large, taken at ``clean + delta``, same shape. `delta` itself, the
        gradient of a linear response, where none is given.
    levels
        Lattice steps between 0 and 1.

    Returns
    -------
    NDArray
        Lattice images, uint8, same shape; their squared distance to `clean` is at most ``(levels * radius) ** 2``,
        compared in exact arithmetic.
    """
    _check_shapes(clean, delta, radius)
    gains = delta if gain_gradient is None else gain_gradient
    shown = [
        _lattice_image(x, delta=d, gain=g, budget=_budget(r, levels), levels=levels)
        for x, d, g, r in zip(clean, delta, gains, radius, strict=True)
    ]
    return np.stack(shown) if shown else np.empty_like(clean)


def scale_to_norm(
    clean: NDArray[np.uint8],
    direction: NDArray[np.floating],
    *,
    norm: NDArray[np.floating],
    levels: int = GREY_LEVELS,
) -> NDArray[np.uint8]:
    """Control images: a given direction, scaled until its norm on the lattice reaches `norm` and not more.

    For Gaussian noise or linear interpolation that must change the image as much as an attacked image does
    (figure 5). Where the box stops every pixel first, the norm stays below.

    Parameters
    ----------
    clean
        Clean images, integers 0 to `levels`, shape (n_images, height, width, 3).
    direction
        Any non-zero directions, same shape.
    norm
        L2 norm wanted for each image in [0, 1] pixel units, shape (n_images,).
    levels
        Lattice steps between 0 and 1.
    """
    return to_lattice(clean, direction, radius=norm, levels=levels)


def realised_epsilon(clean: NDArray[np.uint8], shown: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Epsilon of shown images, from their bytes, in the units of a 224 x 224 x 3 image.

    Parameters
    ----------
    clean, shown
        Images, uint8, shape (..., height, width, 3).

    Returns
    -------
    NDArray
        L2 norm of the change in [0, 1] pixel units times 224 / side, shape (...).
    """
    side_px = np.sqrt(clean.shape[-3] * clean.shape[-2])
    return np.asarray(realised_norm(clean, shown) * PAPER_SIDE_PX / side_px)


def realised_norm(clean: NDArray[np.uint8], shown: NDArray[np.uint8]) -> NDArray[np.float64]:
    """L2 norm of the change in [0, 1] pixel units at this image size, from the bytes, shape (...)."""
    return np.asarray(np.sqrt(squared_levels(clean, shown).astype(np.float64)) / GREY_LEVELS)


def squared_levels(clean: NDArray[np.uint8], shown: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Squared distance in whole grey levels, exact, shape (...)."""
    change = shown.astype(np.int64) - clean.astype(np.int64)
    return np.asarray((change * change).sum(axis=(-3, -2, -1)))


def _budget(radius: float, levels: int) -> int:
    """Largest whole squared norm in levels that is inside the ball; exact, so that no rounding can grant one more."""
    return int((Fraction(float(radius)) * levels) ** 2)


def _lattice_image(
    clean: NDArray[np.uint8],
    *,
    delta: NDArray[np.floating],
    gain: NDArray[np.floating],
    budget: int,
    levels: int,
) -> NDArray[np.uint8]:
    room = _Room(-clean.astype(np.float64).ravel(), levels - clean.astype(np.float64).ravel())
    change = _largest_rounded(room, levels * delta.astype(np.float64).ravel(), budget=budget)
    change = _spend(room, change, gain=gain.astype(np.float64).ravel(), budget=budget)
    return (change - room.lowest).astype(np.uint8).reshape(clean.shape)


class _Room(NamedTuple):
    """How far each value can go down and up. Whole levels as floats: exact, and faster than integers to clip."""

    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]


def _largest_rounded(room: _Room, direction: NDArray[np.float64], *, budget: int) -> NDArray[np.float64]:
    """Change of the rounded ``x + c direction`` for the largest c inside the budget; its norm never falls with c."""
    length = float(np.linalg.norm(direction))
    if length == 0.0:
        return np.zeros_like(direction)
    low, high = 0.0, 2.0 * np.sqrt(budget) / length
    for _ in range(_DOUBLINGS):
        if _squared(_rounded(room, high * direction)) > budget:
            break
        low, high = high, 2.0 * high
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        fits = _squared(_rounded(room, middle * direction)) <= budget
        low, high = (middle, high) if fits else (low, middle)
    return _rounded(room, low * direction)


def _spend(room: _Room, change: NDArray[np.float64], *, gain: NDArray[np.float64], budget: int) -> NDArray[np.float64]:
    """Spend the rest of the budget on single-level moves along the gain, best gain over cost first.

    A move from q to q + 1 levels costs 2 q + 1. Moves against a perturbation already made would earn budget instead;
    they are not taken: that far from the clean image, the float optimum knows better than its gradient.
    """
    towards = np.sign(gain)
    change = change.copy()
    while True:
        left = budget - _squared(change)
        cost = 2 * towards * change + 1
        moved = change + towards
        inside = (moved >= room.lowest) & (moved <= room.highest)
        open_moves = np.flatnonzero((towards != 0) & (cost > 0) & (cost <= left) & inside)
        if open_moves.size == 0:
            return change
        best_first = open_moves[np.argsort(-np.abs(gain[open_moves]) / cost[open_moves], kind="stable")]
        taken = best_first[np.cumsum(cost[best_first]) <= left]
        change[taken] += towards[taken]


def _rounded(room: _Room, step: NDArray[np.float64]) -> NDArray[np.float64]:
    rounded = np.rint(step)
    return np.minimum(np.maximum(rounded, room.lowest, out=rounded), room.highest, out=rounded)


def _squared(change: NDArray[np.float64]) -> int:
    """Squared norm of whole levels, exact: below 2^53 for any image of fewer than 10^11 values."""
    return int(change @ change)


def _check_shapes(clean: NDArray[np.uint8], delta: NDArray[np.floating], radius: NDArray[np.floating]) -> None:
    if clean.dtype != np.uint8 or clean.ndim != 4 or clean.shape != delta.shape or radius.shape != clean.shape[:1]:
        raise ValueError(
            f"expected uint8 images (n, height, width, 3), perturbations of the same shape and one radius an image, "
            f"found {clean.dtype} {clean.shape}, {delta.shape} and {radius.shape}"
        )
