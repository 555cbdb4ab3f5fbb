"""One experiment's estimates beside what is true: by the code that evaluates a day, on responses held in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np

from closedloop.analysis.agreement import map_agreement, sign_agreement
from closedloop.analysis.bootstrap import bootstrap_difference, bootstrap_mean, bootstrap_ratio, bootstrap_rms
from closedloop.analysis.dispersion import sigma_corrected
from closedloop.analysis.estimate import Estimate
from closedloop.analysis.predictivity import correlation
from closedloop.analysis.reliability import explained_fraction, split_half_reliability
from closedloop.analysis.repetitions import cross_fitted_size, noiseless_square
from closedloop.analysis.resamples import Over
from closedloop.analysis.sensitivity import (
    cross_fitted_estimate,
    noise_corrected_rms,
    noiseless_rms,
    paired_difference,
    paper_estimate,
)
from closedloop.analysis.slopes import PairSlopes, pair_slopes, slopes_by_image, slopes_by_site
from closedloop.artifacts.day_use import evaluated_clean_rows
from closedloop.artifacts.naming import generator
from closedloop.gates.review.changes import MeasuredChanges
from closedloop.stages.evaluate.pairs import ImagePairs, Measured, measure, pairs_of
from closedloop.stages.evaluate.rows import Row, measured_rows
from closedloop.studies.coverage.session import SHAM, DrawnStimuli, SimulatedSession, draw_images, simulate_session
from closedloop.studies.coverage.settings import CoverageStudy
from closedloop.studies.coverage.subject import BOUND, EARLY, LATE, Floats, Integers, SimulatedSubject
from closedloop.studies.coverage.truths import Truths, know, predict_clean

BY_IMAGE, IMAGES, BOTH, NONE = "clustered by image", "images", "images and sites", "-"
_OVER: dict[str, Over] = {IMAGES: "images", BOTH: "images_and_sites"}
_CONTROLS = ("gaussian", "linear")
_ALL_SITES = -1
_GATE_PART = 0.75  # protocols/dry_run.yaml, gates.estimators_agree, warn
_POOLED = float("nan")


@dataclass(frozen=True)
class Judged:
    """An estimate with its interval, beside the truth.

    Attributes
    ----------
    quantity, over
        What is estimated, and what its interval takes for a sample.
    epsilon
        NaN where epsilons are pooled.
    site
        -1 for all sites together.
    estimate, standard_error, low, high
        Low and high are NaN where no interval is claimed.
    truth
        Of these sites, over images.
    weight
        What the truth counts over subjects: 1, or a ratio's denominator.
    """

    quantity: str
    over: str
    epsilon: float
    site: int
    estimate: float
    standard_error: float
    low: float
    high: float
    truth: float
    weight: float = 1.0


@dataclass(frozen=True)
class Rang:
    """How often a test rang: 0 or 1, or the part of its cells."""

    test: str
    rate: float


def judge(
    subject: SimulatedSubject, study: CoverageStudy, experiment: int, n_repetitions: int
) -> tuple[list[Judged], list[Rang]]:
    """Make one experiment, estimate everything, and lay the truth beside it.

    Parameters
    ----------
    subject
        Whose.
    study
        The design.
    experiment
        Its number.
    n_repetitions
        Of attacked, control and fresh clean images.
    """
    drawn = draw_images(subject, study, experiment)
    early, late = (
        _Evaluated.of(
            simulate_session(subject, drawn, study, experiment=experiment, day=day, n_repetitions=n_repetitions)
        )
        for day in (EARLY, LATE)
    )
    truths = know(subject, study, n_repetitions)
    predicted = [predict_clean(subject, study, experiment, day=day)[drawn.clean] for day in (EARLY, LATE)]
    judged = [
        *_sensitivity(late, truths, study),
        *_attained(late, truths, study, bound_hz=_bound_hz(subject, drawn)),
        *_growth(early, late, truths, study),
        *_slope(late, truths),
        *_controls(late, truths, study),
        *_models(late, predicted[LATE], truths, study),
    ]
    rng = generator(study.seed, "coverage", experiment, "faults", n_repetitions)
    rang = [
        *_shams(late, study),
        *_slopes_of_attacks(late),
        *_controls_inside(late),
        *_alarms("early", early, predicted[EARLY], rng),
        *_alarms("late", late, predicted[LATE], rng),
    ]
    return judged, rang


@dataclass(frozen=True)
class _Evaluated:
    """A session through the code of stage `evaluate`."""

    session: SimulatedSession
    measured: Measured
    pairs: ImagePairs

    @staticmethod
    def of(session: SimulatedSession) -> _Evaluated:
        measured = measure(session.day)
        return _Evaluated(session, measured, pairs_of(session.day, measured, true_rates_hz=session.true_rates_hz))

    def attacks(self, **equal: float | str) -> ImagePairs:
        return self.pairs.select(kind="attacked", **{"role": "anchor", **equal})

    def with_other_map(self, order: Integers) -> _Evaluated:
        """Return the session as a permuted channel map would have it."""
        day = replace(self.session.day, rates_hz=self.session.day.rates_hz[:, order])
        return _Evaluated.of(SimulatedSession(day, self.session.true_rates_hz[:, order]))


def _sensitivity(late: _Evaluated, truths: Truths, study: CoverageStudy) -> Iterator[Judged]:
    """Judge the paper's and the cross-fitted estimate, of all sites and of each, as the table of a day has them."""
    names = {site.neuroid_id: place for place, site in enumerate(late.session.day.sites)} | {"": _ALL_SITES}
    rows = [row for row in measured_rows(late.attacks()) if row["image_set"] == "anchors"]
    true = {"paper": truths.change[LATE], "cross_fitted": truths.cross_fitted}
    for row in rows:
        if row["estimate"] in true:
            values = true[row["estimate"]][study.epsilons.index(row["epsilon"])]
            site = names[row["site"]]
            truth = values.mean() if site == _ALL_SITES else truths.of_sites(values)[site]
            quantity = {"paper": "paper's", "cross_fitted": "cross-fitted"}[row["estimate"]]
            yield _of_row(row, quantity if site == _ALL_SITES else f"{quantity}, one site", site, float(truth))
    for epsilon, change, expected in zip(study.epsilons, truths.change[LATE], truths.cross_fitted, strict=True):
        own = late.attacks(epsilon=epsilon)
        signed = np.sign(own.predicted_sign) * own.change
        sizes = cross_fitted_size(own.repetitions_clean, own.repetitions_changed)
        for over in (IMAGES, BOTH):
            yield _of(_mean(signed, own, over), "paper's", over, epsilon, change.mean())
        yield _of(_mean(sizes, own, BOTH), "cross-fitted", BOTH, epsilon, expected.mean())
        paper = _mean(signed, own, IMAGES)
        yield _without_interval("paper's, against the mean size", paper.mean, float(np.abs(change).mean()), epsilon)


def _attained(late: _Evaluated, truths: Truths, study: CoverageStudy, *, bound_hz: Floats) -> Iterator[Judged]:
    """Judge the attained part of white-box, of true changes both: what is left to chance is its images and sites."""
    for place, epsilon in enumerate(study.epsilons):
        own = late.attacks(epsilon=epsilon)
        bound = bound_hz[place] / late.measured.sigma_hz[own.site_index]
        moved = np.sign(own.predicted_sign) * own.true_change
        truth, weight = truths.change[LATE, place].mean(), truths.change[BOUND, place].mean()
        for over in (IMAGES, BOTH):
            found = bootstrap_ratio(moved, bound, **_indices(own), seed=0, over=_OVER[over])
            yield _of(found, "attained", over, epsilon, truth / weight, weight=weight)


def _growth(early: _Evaluated, late: _Evaluated, truths: Truths, study: CoverageStudy) -> Iterator[Judged]:
    for place, epsilon in enumerate(study.epsilons):
        before, after = (day.attacks(epsilon=epsilon) for day in (early, late))
        changes = [np.sign(own.predicted_sign) * own.change for own in (before, after)]
        truth = (truths.change[LATE, place] - truths.change[EARLY, place]).mean()
        yield _of(paired_difference(*changes, **_indices(after)), "growth", BY_IMAGE, epsilon, truth)
        for over in (IMAGES, BOTH):
            found = bootstrap_difference(*changes, **_indices(after), seed=0, over=_OVER[over])
            yield _of(found, "growth", over, epsilon, truth)


def _slope(late: _Evaluated, truths: Truths) -> Iterator[Judged]:
    slopes = _slopes_of(late.attacks())
    for over in (IMAGES, BOTH):
        found = bootstrap_mean(
            slopes.slope, image_index=slopes.image_index, site_index=slopes.site_index, seed=0, over=_OVER[over]
        )
        yield _of(found, "slope over epsilon", over, _POOLED, truths.slope.mean())
    of_sites = truths.of_sites(truths.slope)
    for test in slopes_by_site(slopes):
        own = slopes.slope[slopes.site_index == test.index]
        alone = bootstrap_mean(
            own, image_index=np.arange(len(own)), site_index=np.zeros(len(own), int), seed=0, over="images"
        )
        yield _of(alone, "slope over epsilon, one site", IMAGES, _POOLED, of_sites[test.index], site=test.index)


def _controls(late: _Evaluated, truths: Truths, study: CoverageStudy) -> Iterator[Judged]:
    for kind, squares in zip(_CONTROLS, truths.control_square, strict=True):
        for epsilon, square in zip(study.epsilons, squares, strict=True):
            own = late.pairs.select(kind=kind, epsilon=epsilon)
            repeated = own.repetitions_clean, own.repetitions_changed
            truth = float(np.sqrt(square))
            yield _of(noise_corrected_rms(*repeated, **_indices(own)), f"{kind} control", BY_IMAGE, epsilon, truth)
            for over in (IMAGES, BOTH):
                found = bootstrap_rms(noiseless_square(*repeated), **_indices(own), seed=0, over=_OVER[over])
                yield _of(found, f"{kind} control", over, epsilon, truth)


def _models(late: _Evaluated, predicted: Floats, truths: Truths, study: CoverageStudy) -> Iterator[Judged]:
    """Judge the part of explainable variance that predictions explain, and sigma without noise."""
    day = late.session.day
    clean = evaluated_clean_rows(day.stimuli)
    shown = np.isin(day.image_index, clean)
    r = correlation(predicted, late.measured.rates_hz[clean])
    reliability = split_half_reliability(day.rates_hz[shown], day.image_index[shown], seed=0)
    explained = float(np.nanmean(explained_fraction(r, reliability)))
    yield _without_interval("explained fraction, r² over the ceiling's", explained, study.explained[LATE], _POOLED)
    ratio = sigma_corrected(late.measured.repetitions_hz[clean]) / late.measured.sigma_hz
    yield _without_interval("sigma without noise / the paper's", float(np.nanmean(ratio)), truths.sigma_ratio, _POOLED)


def _shams(late: _Evaluated, study: CoverageStudy) -> Iterator[Rang]:
    """Ask every test about images that were shown again: whatever rings is false."""
    control = late.pairs.select(kind="gaussian", role=SHAM)
    repeated = control.repetitions_clean, control.repetitions_changed
    yield Rang("sham control: measurable", float(noise_corrected_rms(*repeated, **_indices(control)).is_measurable))
    of_both = bootstrap_rms(noiseless_square(*repeated), **_indices(control), seed=0)
    yield Rang("sham control: measurable, over images and sites", float(of_both.is_measurable))
    shams = [late.attacks(role=SHAM, epsilon=epsilon) for epsilon in study.epsilons]
    paper = [
        paper_estimate(own.change, own.predicted_sign, image_index=own.clean_index, site_index=own.site_index)
        for own in shams
    ]
    yield Rang("sham attack: paper's estimate without zero", _part(not _holds(one, 0.0) for one in paper))
    both = [_mean(np.sign(own.predicted_sign) * own.change, own, BOTH) for own in shams]
    yield Rang("sham attack: the same, over images and sites", _part(not _holds(one, 0.0) for one in both))
    yield Rang("sham attack: paper's estimate above zero", _part(one.is_measurable for one in paper))
    yield Rang("sham attack: the same above zero, over images and sites", _part(one.is_measurable for one in both))
    crossed = [cross_fitted_estimate(own.repetitions_clean, own.repetitions_changed, **_indices(own)) for own in shams]
    yield Rang("sham attack: cross-fitted above zero", _part(one.is_measurable for one in crossed))
    slopes = _slopes_of(late.attacks(role=SHAM))
    yield Rang("sham attack: a slope of any site", float(any(one.is_sure for one in slopes_by_site(slopes))))
    yield Rang("sham attack: a slope of any image", float(any(one.is_sure for one in slopes_by_image(slopes))))


def _slopes_of_attacks(late: _Evaluated) -> Iterator[Rang]:
    slopes = _slopes_of(late.attacks())
    yield Rang("attack: sites with a slope", _part(one.is_sure for one in slopes_by_site(slopes)))
    yield Rang("attack: images with a slope", _part(one.is_sure for one in slopes_by_image(slopes)))


def _controls_inside(late: _Evaluated) -> Iterator[Rang]:
    """Compare controls with the truth of the same images, as the dry run's table does."""
    inside, held = list[bool](), list[bool]()
    for kind in _CONTROLS:
        for epsilon in np.unique(late.attacks().epsilon).tolist():
            own = late.pairs.select(kind=kind, epsilon=epsilon)
            found = noise_corrected_rms(own.repetitions_clean, own.repetitions_changed, **_indices(own))
            true = noiseless_rms(own.true_change, **_indices(own))
            inside.append(abs(found.mean - true.mean) <= 2 * found.standard_error)
            held.append(_holds(found, true.mean))
    yield Rang("control: inside two standard errors of the truth", _part(inside))
    yield Rang("control: truth of its images inside the interval", _part(held))


def _alarms(name: str, right: _Evaluated, predicted: Floats, rng: np.random.Generator) -> Iterator[Rang]:
    """Ring for the right map, and for a permuted one; for the sealed signs, and for signs dealt anew."""
    permuted = right.with_other_map(rng.permutation(predicted.shape[1]))
    for fault, day in (("right map", right), ("permuted map", permuted)):
        clean = evaluated_clean_rows(day.session.day.stimuli)
        yield Rang(
            f"{name} day, {fault}: map", float(map_agreement(predicted, day.measured.rates_hz[clean], seed=0).rings)
        )
        yield Rang(f"{name} day, {fault}: signs", float(_sign_alarm(day, _size(day) * day.attacks().predicted_sign)))
        yield Rang(f"{name} day, {fault}: estimators part", float(_estimators_part(day)))
    dealt = _size(right) * rng.choice(np.array([-1.0, 1.0]), len(_size(right)))
    yield Rang(f"{name} day, signs dealt anew: signs", float(_sign_alarm(right, dealt)))


def _size(day: _Evaluated) -> Floats:
    """Return the sizes predicted of the attacks, in any unit."""
    own = day.attacks()
    return np.abs(np.asarray(day.session.day.stimuli.columns["predicted_attacked"][own.stimulus], dtype=np.float64))


def _sign_alarm(day: _Evaluated, predicted_change: Floats) -> bool:
    own = day.attacks()
    return sign_agreement(own.change, predicted_change, **_indices(own)).rings


def _estimators_part(day: _Evaluated) -> bool:
    """Ask what the gate `estimators_agree` asks, at the largest epsilon."""
    own = day.attacks(epsilon=float(day.attacks().epsilon.max()))
    changes = MeasuredChanges(
        is_anchor=own.role == "anchor",
        image_index=own.clean_index,
        site_index=own.site_index,
        sign=own.predicted_sign,
        clean=own.repetitions_clean,
        changed=own.repetitions_changed,
    )
    return changes.by_sign_above(_GATE_PART).interval[1] < 0


def _bound_hz(subject: SimulatedSubject, drawn: DrawnStimuli) -> Floats:
    """Return how far each pair is moved along the cortex's gradient, Hz, (n_epsilons, n_pairs)."""
    electrode = subject.electrode[subject.pair_site[drawn.pair]]
    clean = subject.anchor_hz[drawn.anchor[drawn.place], electrode]
    sign = subject.sign[drawn.pair]
    return np.asarray(sign * (subject.attacked_hz[BOUND][:, drawn.pair, electrode] - clean))


def _slopes_of(own: ImagePairs) -> PairSlopes:
    return pair_slopes(own.repetitions_clean, own.repetitions_changed, own.predicted_sign, own.epsilon, **_indices(own))


def _mean(values: Floats, own: ImagePairs, over: str) -> Estimate:
    return bootstrap_mean(values, **_indices(own), seed=0, over=_OVER[over])


class _PairIndices(TypedDict):
    image_index: Integers
    site_index: Integers


def _indices(own: ImagePairs) -> _PairIndices:
    return {"image_index": own.clean_index, "site_index": own.site_index}


def _holds(estimate: Estimate, truth: float) -> bool:
    return estimate.interval[0] <= truth <= estimate.interval[1]


def _part(held: Iterator[bool] | list[bool]) -> float:
    return float(np.mean([bool(one) for one in held]))


def _of_row(row: Row, quantity: str, site: int, truth: float) -> Judged:
    return Judged(
        *(quantity, BY_IMAGE, row["epsilon"], site, row["mean"], row["standard_error"]),
        *(row["interval_low"], row["interval_high"], truth),
    )


def _of(
    found: Estimate,
    quantity: str,
    over: str,
    epsilon: float,
    truth: float,
    *,
    weight: float = 1.0,
    site: int = _ALL_SITES,
) -> Judged:
    return Judged(
        *(quantity, over, epsilon, site, found.mean, found.standard_error, *found.interval, float(truth), float(weight))
    )


def _without_interval(quantity: str, estimate: float, truth: float, epsilon: float) -> Judged:
    nan = float("nan")
    return Judged(quantity, NONE, epsilon, _ALL_SITES, estimate, nan, nan, nan, truth)


__all__ = ["BOTH", "BY_IMAGE", "IMAGES", "NONE", "Judged", "Rang", "judge"]
