"""Epsilon at another image size than the one it is stated at."""

from __future__ import annotations

PAPER_SIDE_PX = 224
"""The image side on which epsilon is stated (224 x 224 x 3 pixels in [0, 1], section 2)."""


def radius_at(epsilon: float, side_px: float) -> float:
    """L2 radius at another image side that changes each pixel as much as `epsilon` does at 224 px.

    Parameters
    ----------
    epsilon
        L2 norm in [0, 1] pixel units on a 224 x 224 x 3 image.
    side_px
        Side of the square image that is attacked, in pixels.

    Returns
    -------
    float
        ``epsilon * side_px / 224``: the root mean square over the pixels is the same.
    """
    return epsilon * side_px / PAPER_SIDE_PX
