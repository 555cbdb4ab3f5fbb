"""How often the intervals of the cross-prediction table hold the truth, over simulated sessions.

A session has images that an arm attacks at several sites or levels. Measured changes and what two models foretell of
them share a part that is an image's own (three tenths of the variance of each); one model's r and slope are known by
construction, the other's are 0. The program's own function reviews (`analysis.arms.reviewing`), by its own number of
resamples of images.
Run: ``python -m benchmarks reviewing [--sessions 400]``.
"""

from __future__ import annotations

import argparse
import math

import numpy as np

from closedloop.analysis.arms.reviewing import Resampled, review_arm

_DESIGNS = ((5, 3), (6, 3), (10, 2), (20, 22), (42, 3))  # images x attacks of each
_TRUE_R = (0.0, 0.7)
_OF_IMAGES = 0.3  # part of the variance


def coverage(n_images: int, n_each: int, true_r: float, *, n_sessions: int) -> list[float]:
    """Return how often r, slope and the difference of two models' r lie in their intervals, parts of 1."""
    rng = np.random.default_rng(1)
    image_index = np.repeat(np.arange(n_images), n_each)

    def changes() -> np.ndarray:
        own = rng.normal(size=len(image_index))
        return rng.normal(size=n_images)[image_index] * math.sqrt(_OF_IMAGES) + own * math.sqrt(1 - _OF_IMAGES)

    held = np.zeros(3)
    for seed in range(n_sessions):
        foretold, unlike = changes(), changes()
        measured = true_r * foretold + math.sqrt(1 - true_r**2) * changes()
        found = review_arm(
            measured,
            {"a": foretold, "b": unlike},
            halves=(measured, measured),
            image_index=image_index,
            seed=seed,
        )
        intervals = found.reviews[0].r, found.reviews[0].slope, found.differences[0].difference
        held += [_holds(one, true_r) for one in intervals]
    return list(held / n_sessions)


def _holds(found: Resampled, truth: float) -> bool:
    return found.low <= truth <= found.high


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=400)
    n_sessions = parser.parse_args().sessions
    print("| images x attacks of each | true r | r | slope | difference of r |\n|---|---|---|---|---|")
    for n_images, n_each in _DESIGNS:
        for true_r in _TRUE_R:
            found = coverage(n_images, n_each, true_r, n_sessions=n_sessions)
            cells = (f"{100 * part:.1f} +- {196 * math.sqrt(part * (1 - part) / n_sessions):.1f}" for part in found)
            print(f"| {n_images} x {n_each} | {true_r:g} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
