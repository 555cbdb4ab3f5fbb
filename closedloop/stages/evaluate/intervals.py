"""Rows of intervals.parquet: the estimates over images and sites together, and in units beside the paper's sigma.

The interval of sensitivity.parquet holds the sites fixed: what these sites would have done on other images. A mean over
sites is mostly read as one of sites like these, so that here the sites are sampled too; each single site has its row
over images. Absolute sensitivity is the change in Hz; the corrected sigma has the variance of the counts' noise taken
out, without which a noisy site looks less sensitive than it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedloop.analysis.bootstrap import bootstrap_mean
from closedloop.analysis.estimate import Estimate, mean_over_pairs, root
from closedloop.artifacts.protocol.attack import SIZE_KINDS
from closedloop.stages.evaluate.pairs import Floats, ImagePairs
from closedloop.stages.evaluate.rows import ALL, ANCHORS, Row

_SEED = 0  # of the resamples: an interval depends on its pairs alone


@dataclass(frozen=True)
class _PairMean:
    """An estimate as a mean over pairs: of which kind of pairs, of what, and whether of the square of a change."""

    estimate: str
    kind: str
    of_pairs: Callable[[ImagePairs], Floats]
    is_square: bool = False


def _signed(pairs: ImagePairs) -> Floats:
    return np.asarray(np.sign(pairs.predicted_sign) * pairs.change)


def _cross_fitted(pairs: ImagePairs) -> Floats:
    return pairs.cross_fitted


def _square(pairs: ImagePairs) -> Floats:
    return pairs.square


def _true_size(pairs: ImagePairs) -> Floats:
    return np.abs(pairs.true_change)


def _true_signed(pairs: ImagePairs) -> Floats:
    return np.asarray(np.sign(pairs.predicted_sign) * pairs.true_change)


def _true_square(pairs: ImagePairs) -> Floats:
    return np.asarray(pairs.true_change**2)


_MEASURED = (
    _PairMean("paper", "attacked", _signed),
    _PairMean("cross_fitted", "attacked", _cross_fitted),
    *(_PairMean(kind, kind, _square, is_square=True) for kind in SIZE_KINDS),
    _PairMean("yesterday", "yesterday", _signed),
)
_TRUE = (
    _PairMean("true", "attacked", _true_size),
    *(_PairMean(kind, kind, _true_square, is_square=True) for kind in SIZE_KINDS),
    _PairMean("yesterday", "yesterday", _true_signed),
)
_UNITS: Mapping[str, Callable[[ImagePairs], Floats]] = {
    "sigma": lambda pairs: np.ones(len(pairs.change)),
    "sigma_corrected": lambda pairs: np.asarray(pairs.sigma_hz / pairs.sigma_corrected_hz),
    "hz": lambda pairs: pairs.sigma_hz,
}
"""What a pair's change in sigma is multiplied by."""


def interval_rows(pairs: ImagePairs, *, has_truth: bool) -> list[Row]:
    """Return the rows of a day, the day left out.

    Parameters
    ----------
    pairs
        Of the day so far.
    has_truth
        Whether the hidden cortex's changes are known.
    """
    has_anchors = (pairs.role[pairs.kind == "attacked"] == "anchor").any()
    own = pairs.select(role="anchor") if has_anchors else pairs
    image_set = ANCHORS if has_anchors else ALL
    return [
        {**row, "truth": truth, "image_set": image_set}
        for values, truth in ((_MEASURED, False), (_TRUE if has_truth else (), True))
        for value in values
        for row in _rows(own.select(kind=value.kind), value)
    ]


def _rows(pairs: ImagePairs, value: _PairMean) -> Iterator[dict[str, Any]]:
    for epsilon in np.unique(pairs.epsilon).tolist():
        own = pairs.select(epsilon=epsilon)
        in_sigma = value.of_pairs(own)
        for unit, factor_of in _UNITS.items():
            factor = factor_of(own)
            in_unit = in_sigma * (factor**2 if value.is_square else factor)
            named = {"epsilon": epsilon, "estimate": value.estimate, "unit": unit}
            image, site = own.clean_index, own.site_index
            both = bootstrap_mean(in_unit, image_index=image, site_index=site, seed=_SEED)
            yield _row(both, value, named | {"site": "", "over": "images_and_sites"})
            fixed = mean_over_pairs(in_unit, image_index=image, site_index=site)
            yield _row(fixed, value, named | {"site": "", "over": "images"})
            for name in np.unique(own.neuroid_id).tolist():
                at = own.neuroid_id == name
                found = mean_over_pairs(in_unit[at], image_index=image[at], site_index=site[at])
                yield _row(found, value, named | {"site": name, "over": "images"})


def _row(found: Estimate, value: _PairMean, named: Mapping[str, Any]) -> dict[str, Any]:
    estimate = root(found) if value.is_square else found
    return {
        **named,
        "mean": estimate.mean,
        "standard_error": estimate.standard_error,
        "interval_low": estimate.interval[0],
        "interval_high": estimate.interval[1],
        "n_images": estimate.n_images,
        "n_sites": estimate.n_sites,
    }
