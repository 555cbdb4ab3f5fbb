"""Rows of sensitivity.parquet: which estimator is applied to which pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedloop.analysis.estimate import Estimate, mean_over_pairs
from closedloop.analysis.sensitivity import (
    cross_fitted_estimate,
    noise_corrected_rms,
    noiseless_mean_absolute,
    noiseless_rms,
    paper_estimate,
)
from closedloop.artifacts.protocol.attack import SIZE_KINDS
from closedloop.stages.evaluate.pairs import Floats, ImagePairs, Integers

Row = dict[str, Any]
ALL, ANCHORS, FRESH = "all", "anchors", "fresh"
_ROLE_OF_SET = {ANCHORS: "anchor", FRESH: "clean"}


@dataclass(frozen=True)
class _Rule:
    """An estimate: its name, the kind of pairs it is made from, and how."""

    estimate: str
    kind: str
    apply: Callable[[ImagePairs], Estimate]


def _paper(pairs: ImagePairs) -> Estimate:
    return paper_estimate(
        pairs.change, pairs.predicted_sign, image_index=pairs.clean_index, site_index=pairs.site_index
    )


def _cross_fitted(pairs: ImagePairs) -> Estimate:
    return cross_fitted_estimate(
        pairs.repetitions_clean, pairs.repetitions_changed, image_index=pairs.clean_index, site_index=pairs.site_index
    )


def _corrected_rms(pairs: ImagePairs) -> Estimate:
    return noise_corrected_rms(
        pairs.repetitions_clean, pairs.repetitions_changed, image_index=pairs.clean_index, site_index=pairs.site_index
    )


def _true_absolute(pairs: ImagePairs) -> Estimate:
    return noiseless_mean_absolute(pairs.true_change, image_index=pairs.clean_index, site_index=pairs.site_index)


def _true_signed(pairs: ImagePairs) -> Estimate:
    """Return what the signs sealed yesterday make of the true changes, as the estimate does."""
    return paper_estimate(
        pairs.true_change, pairs.predicted_sign, image_index=pairs.clean_index, site_index=pairs.site_index
    )


def _true_rms(pairs: ImagePairs) -> Estimate:
    return noiseless_rms(pairs.true_change, image_index=pairs.clean_index, site_index=pairs.site_index)


_MEASURED = (
    _Rule("paper", "attacked", _paper),
    _Rule("cross_fitted", "attacked", _cross_fitted),
    *(_Rule(kind, kind, _corrected_rms) for kind in SIZE_KINDS),
    _Rule("yesterday", "yesterday", _paper),
)
_TRUE = (
    _Rule("true", "attacked", _true_absolute),
    *(_Rule(kind, kind, _true_rms) for kind in SIZE_KINDS),
    _Rule("yesterday", "yesterday", _true_signed),
)


def measured_rows(pairs: ImagePairs) -> list[Row]:
    """Return the rows that a real experiment has too."""
    return _rows(pairs, _MEASURED, truth=False)


def truth_rows(pairs: ImagePairs) -> list[Row]:
    """Return the same attacks' and controls' effect on the hidden cortex, without measurement noise."""
    return _rows(pairs, _TRUE, truth=True)


def _rows(pairs: ImagePairs, rules: tuple[_Rule, ...], *, truth: bool) -> list[Row]:
    return [
        as_row(rule.apply(own), rule.estimate, epsilon=epsilon, truth=truth, image_set=image_set, site=site)
        for rule in rules
        for image_set in (ANCHORS, FRESH, ALL)
        for epsilon, site, own in _groups(pairs.select(kind=rule.kind), image_set)
    ]


def _groups(pairs: ImagePairs, image_set: str) -> Iterator[tuple[float, str, ImagePairs]]:
    """Yield all sites together (site ""), then each alone."""
    chosen = pairs if image_set == ALL else pairs.select(role=_ROLE_OF_SET[image_set])
    for epsilon in np.unique(chosen.epsilon).tolist():
        own = chosen.select(epsilon=epsilon)
        yield epsilon, "", own
        for site in np.unique(own.neuroid_id).tolist():
            yield epsilon, site, own.select(neuroid_id=site)


def as_row(estimate: Estimate, name: str, *, epsilon: float, truth: bool, image_set: str, site: str) -> Row:
    """Return one row, the day left out.

    Parameters
    ----------
    estimate
        The numbers.
    name
        Which estimate it is (the values of `estimate` in sensitivity.parquet).
    epsilon
        Of its pairs.
    truth
        Known without measurement noise.
    image_set
        `ALL`, `ANCHORS` or `FRESH`.
    site
        The neuroid_id; empty for all sites together.
    """
    return {
        "epsilon": epsilon,
        "estimate": name,
        "truth": truth,
        "image_set": image_set,
        "site": site,
        "mean": estimate.mean,
        "standard_error": estimate.standard_error,
        "n_images": estimate.n_images,
        "n_sites": estimate.n_sites,
        "interval_low": estimate.interval[0],
        "interval_high": estimate.interval[1],
    }


def absolute_rows(
    name: str, change: Floats, *, epsilon: Floats, image_index: Integers, site_index: Integers, image_set: str
) -> list[Row]:
    """Return rows of mean |change| at each epsilon for changes known without noise (white box, artificial units).

    Parameters
    ----------
    name
        Of the estimate.
    change, epsilon, image_index, site_index
        Of each pair, (n_pairs,); changes in units of sigma.
    image_set
        Which images these are.
    """
    rows = []
    for value in np.unique(epsilon).tolist():
        own = epsilon == value
        estimate = mean_over_pairs(np.abs(change[own]), image_index=image_index[own], site_index=site_index[own])
        rows.append(as_row(estimate, name, epsilon=value, truth=True, image_set=image_set, site=""))
    return rows
