"""What a finished study of a simulated subject published, beside what its evaluation knows of the hidden cortex.

The truth is read from the evaluation's own tables (`true_change` of each pair), nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.estimate import mean_over_pairs
from closedloop.artifacts import catalog
from closedloop.artifacts.protocol.attack import SIZE_KINDS
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyPaths
from closedloop.artifacts.tables import Columns
from closedloop.errors import StudyError
from closedloop.studies.sweep.documents import JudgedEstimate, JudgedTest

Floats = NDArray[np.float64]
Over = Literal["images and sites", "images", "images, one site"]

POWER: Final = "power"
FALSE_ALARM: Final = "false alarm"
_ABOVE_ZERO = "attacks: the paper's interval above zero"
_CROSS_FITTED = "attacks: the cross-fitted interval above zero"
_SLOPES = "attacks: sites with a slope over epsilon (Holm)"
_NOTHING_TRUE = "attacks that truly do nothing, or the reverse: the paper's interval above zero"
_SHAM = "sham: its interval above zero"
_MAP = "right channel map: its alarm rings"
_SIGNS = "right signs: their alarm rings"
_CONTROL = "{}: its interval above its truth"

ASKED: Final[Mapping[str, str]] = {
    _ABOVE_ZERO: POWER,
    _CROSS_FITTED: POWER,
    _SLOPES: POWER,
    _NOTHING_TRUE: FALSE_ALARM,
    _SHAM: FALSE_ALARM,
    _MAP: FALSE_ALARM,
    _SIGNS: FALSE_ALARM,
    **{_CONTROL.format(kind): FALSE_ALARM for kind in SIZE_KINDS},
}
"""What each test is a question of."""

_TRUTHS: Final[Mapping[str, tuple[str, Callable[[Columns], Floats], bool]]] = {
    # estimate: pairs of this kind, what is true of each, whether the estimate is the root of its mean
    "paper": ("attacked", lambda own: np.asarray(np.sign(own["predicted_sign"]) * own["true_change"]), False),
    "cross_fitted": ("attacked", lambda own: np.asarray(np.abs(own["true_change"])), False),
    "yesterday": ("yesterday", lambda own: np.asarray(np.sign(own["predicted_sign"]) * own["true_change"]), False),
    **{kind: (kind, lambda own: np.asarray(own["true_change"] ** 2), True) for kind in SIZE_KINDS},
}
_MEASURED_BY = {"paper": "change", "yesterday": "change", "cross_fitted": "cross_fitted"}  # of the others, square


def judge_study(root: Path) -> tuple[tuple[JudgedEstimate, ...], tuple[JudgedTest, ...]]:
    """Return every published estimate of a simulated study beside its truth, and what its tests said, day by day.

    Parameters
    ----------
    root
        The study's folder.

    Raises
    ------
    StudyError
        None of its days is evaluated.
    DocumentError
        A table is missing or damaged.
    """
    paths = StudyPaths(root)
    estimates, tests = list[JudgedEstimate](), list[JudgedTest]()
    for block in _last_of_each_day(paths):
        of_day = paths.at(block)
        judged = tuple(_estimates(of_day, block.day))
        estimates += judged
        tests += [*_tests_of_intervals(judged), *_tests_of_day(of_day, block.day)]
    if not estimates:
        raise StudyError(f"{root}: expected a study that is evaluated, found none of its days so. Run it to its end.")
    return tuple(estimates), tuple(tests)


def _last_of_each_day(paths: StudyPaths) -> list[Block]:
    evaluated = [block for block in paths.found() if catalog.EVALUATION.published(paths.at(block), block.day).is_file()]
    return list({block.day: block for block in evaluated}.values())  # whose tables are of the day so far


def _estimates(paths: StudyPaths, day: int) -> Iterator[JudgedEstimate]:
    pairs = catalog.PAIRS.read(catalog.PAIRS.published(paths, day))
    rows = catalog.INTERVALS.read(catalog.INTERVALS.published(paths, day))
    for place in np.flatnonzero(~rows["truth"].astype(bool) & (rows["unit"] == "sigma")).tolist():
        row = {name: column[place] for name, column in rows.items()}
        truth = _truth(pairs, row)
        if not math.isfinite(row["mean"]) or not math.isfinite(truth):
            continue
        yield JudgedEstimate(
            day=day,
            epsilon=float(row["epsilon"]),
            estimate=str(row["estimate"]),
            over=_over(row),
            site=str(row["site"]),
            mean=float(row["mean"]),
            standard_error=_finite(row["standard_error"]),
            interval_low=_finite(row["interval_low"]),
            interval_high=_finite(row["interval_high"]),
            truth=truth,
        )


def _over(row: Mapping[str, Any]) -> Over:
    if row["over"] == "images_and_sites":
        return "images and sites"
    return "images, one site" if row["site"] else "images"


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _truth(pairs: Columns, row: Mapping[str, Any]) -> float:
    """Return what a noiseless study would have published: the same mean over the same pairs."""
    kind, of_pairs, is_square = _TRUTHS[row["estimate"]]
    own = (pairs["kind"] == kind) & (pairs["epsilon"] == row["epsilon"])
    own &= np.isfinite(pairs[_MEASURED_BY.get(row["estimate"], "square")])
    if row["image_set"] == "anchors":
        own &= pairs["role"] == "anchor"
    if row["site"]:
        own &= pairs["neuroid_id"] == row["site"]
    chosen = {name: column[own] for name, column in pairs.items()}
    if not own.any():
        return math.nan
    image, site = (np.unique(chosen[name], return_inverse=True)[1] for name in ("image_id", "neuroid_id"))
    mean = mean_over_pairs(of_pairs(chosen), image_index=image, site_index=site).mean
    return math.sqrt(mean) if is_square else mean


def _tests_of_intervals(judged: tuple[JudgedEstimate, ...]) -> Iterator[JudgedTest]:
    for one in judged:
        if one.over != "images" or one.interval_low is None:
            continue
        named = {"paper": _ABOVE_ZERO, "cross_fitted": _CROSS_FITTED, "sham": _SHAM}.get(one.estimate)
        if named:
            yield JudgedTest(day=one.day, epsilon=one.epsilon, test=named, found=float(one.interval_low > 0))
        if one.estimate == "paper" and one.truth <= 0:
            yield JudgedTest(day=one.day, epsilon=one.epsilon, test=_NOTHING_TRUE, found=float(one.interval_low > 0))
        if one.estimate in SIZE_KINDS and one.estimate != "sham":
            above = float(one.interval_low > one.truth)
            yield JudgedTest(day=one.day, epsilon=one.epsilon, test=_CONTROL.format(one.estimate), found=above)


def _tests_of_day(paths: StudyPaths, day: int) -> Iterator[JudgedTest]:
    evaluation = catalog.EVALUATION.read(catalog.EVALUATION.published(paths, day))
    if day > 0:  # model 0 has seen no response: that its signs and its map fit nothing is no false alarm
        for test, fit in ((_MAP, evaluation.map_fit), (_SIGNS, evaluation.sign_fit)):
            if fit is not None and fit.p is not None:
                yield JudgedTest(day=day, epsilon=0, test=test, found=float(fit.rings))
    if not (file := catalog.SLOPES.published(paths, day)).is_file():
        return
    slopes = catalog.SLOPES.read(file)
    of_sites = slopes["p_corrected"][(slopes["of"] == "site") & np.isfinite(slopes["p_corrected"])]
    if len(of_sites):
        yield JudgedTest(day=day, epsilon=0, test=_SLOPES, found=float((of_sites < 0.05).mean()))
