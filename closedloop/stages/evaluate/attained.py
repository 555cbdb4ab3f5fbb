"""What the day's attacks attained of the white-box bound, pair by pair: simulated studies alone can tell."""

from __future__ import annotations

import numpy as np

from closedloop.analysis.sensitivity import attained_fraction
from closedloop.artifacts.day.evaluation import AttainedFraction
from closedloop.stages.evaluate.pairs import Floats, ImagePairs
from closedloop.stages.evaluate.rows import ANCHORS
from closedloop.stages.evaluate.white_box import WhiteBoxAttacks


def attained_fractions(white_box: WhiteBoxAttacks, pairs: ImagePairs, *, seed: int) -> tuple[AttainedFraction, ...]:
    """Return what the attacks of each epsilon attained of the bound.

    Parameters
    ----------
    white_box
        The session's own attacks, made again with the cortex's gradient.
    pairs
        All of the session.
    seed
        Of the resamples of the intervals.

    Raises
    ------
    ValueError
        The pairs are of another session than what was attacked again.
    """
    items = white_box.items
    own = pairs.select(kind="attacked", **({"role": "anchor"} if items.image_set == ANCHORS else {}))
    same = [(own.clean_index, items.clean_index), (own.site_index, items.site_index), (own.epsilon, items.epsilon)]
    if not all(np.array_equal(one, other) for one, other in same):
        raise ValueError("expected the pairs that were attacked again, in their order, found others")
    return tuple(
        _of_epsilon(epsilon, own, white_box.change, image_set=items.image_set, seed=seed)
        for epsilon in np.unique(own.epsilon).tolist()
    )


def _of_epsilon(
    epsilon: float, pairs: ImagePairs, white_box_change: Floats, *, image_set: str, seed: int
) -> AttainedFraction:
    chosen = pairs.epsilon == epsilon
    own, bound = pairs.select(epsilon=epsilon), white_box_change[chosen]
    estimate = attained_fraction(
        own.true_change,
        own.predicted_sign,
        bound,
        image_index=own.clean_index,
        site_index=own.site_index,
        seed=seed,
    )
    low, high = estimate.interval
    moved = own.predicted_sign * own.true_change
    known = np.isfinite(moved) & np.isfinite(bound)
    return AttainedFraction.model_validate(
        {
            "epsilon": epsilon,
            "image_set": image_set,
            "fraction": _or_none(estimate.mean),
            "interval_low": _or_none(low),
            "interval_high": _or_none(high),
            "true": _mean(moved[known]),
            "white_box": _mean(np.abs(bound[known])),
            "n_pairs": estimate.n_pairs,
            "n_images": estimate.n_images,
            "n_sites": estimate.n_sites,
        }
    )


def _mean(values: Floats) -> float | None:
    return _or_none(float(values.mean())) if values.size else None


def _or_none(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None
