"""Dither over frames, as an option: several lattice images whose mean is the float image.

A display that shows them one after the other within a presentation shows, on average over time, changes smaller than a
level. Each frame by itself is further from the clean image than the mean is: what counts as the norm is then a matter
of what the visual system averages, so frames are marked, and each one's norm is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.attacks.lattice.grid import GREY_LEVELS, pixel_type
from closedloop.attacks.lattice.norms import realised_norm


@dataclass(frozen=True)
class Dithered:
    """Frames to be shown in turn in place of one image.

    Attributes
    ----------
    frames
        Lattice images, shape (n_frames, height, width, 3).
    frame_norm
        L2 norm of each frame's own change in [0, 1] pixel units, shape (n_frames,).
    mean_norm
        Norm of the mean change of all frames.
    """

    frames: NDArray[Any]
    frame_norm: NDArray[np.float64]
    mean_norm: float


def dithered(
    clean: NDArray[np.unsignedinteger],
    delta: NDArray[np.floating],
    *,
    n_frames: int,
    seed: int,
    levels: int = GREY_LEVELS,
) -> Dithered:
    """Spread a float perturbation over frames: at each value the mean of the frames is the float within 1 / n_frames.

    Each value is rounded down in some frames and up in the others, as many as its fraction asks for; which frames is
    drawn for each value, so that no frame is brighter than another.

    Parameters
    ----------
    clean
        Clean image, whole numbers 0 to `levels`, shape (height, width, 3).
    delta
        Perturbation in [0, 1] pixel units, same shape.
    n_frames
        How many frames a presentation has.
    seed
        Decides which frames are rounded up where.
    levels
        Lattice steps between 0 and 1.
    """
    if n_frames < 1 or clean.dtype != pixel_type(levels) or clean.shape != delta.shape:
        raise ValueError(f"expected frames of one image, found {n_frames}, {clean.dtype} {clean.shape}, {delta.shape}")
    wanted = np.clip(clean + levels * delta.astype(np.float64), 0, levels)
    floor = np.floor(wanted)
    n_up = np.rint((wanted - floor) * n_frames)
    place = np.random.default_rng(seed).random((n_frames, *clean.shape)).argsort(axis=0)
    frames = (floor + (place < n_up)).astype(clean.dtype)
    mean_change = frames.mean(axis=0) - clean
    return Dithered(frames, realised_norm(clean, frames, levels=levels), float(np.linalg.norm(mean_change)) / levels)
