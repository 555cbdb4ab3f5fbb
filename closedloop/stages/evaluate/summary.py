"""The day's other numbers: evaluation.json."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.dispersion import random_pair_change, sigma_corrected
from closedloop.analysis.predictivity import correlation
from closedloop.analysis.reliability import mean_response
from closedloop.artifacts.day.evaluation import (
    AttainedFraction,
    EpsilonEvaluation,
    EvaluationReport,
    PreferredCategory,
    RasterExample,
)
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.day_use import evaluated_clean_rows
from closedloop.stages.evaluate.agreement import map_fit, sign_fit
from closedloop.stages.evaluate.examples import find_examples
from closedloop.stages.evaluate.pairs import Floats, ImagePairs, Integers, Measured
from closedloop.stages.evaluate.probes import evaluate_probes


def evaluation_report(
    day: DayResponses,
    measured: Measured,
    pairs: ImagePairs,
    *,
    recording_day: int,
    simulated: bool,
    epsilons: Sequence[float],
    sealed: NDArray[np.float32],
    rasters: tuple[RasterExample, ...],
    left_out: dict[str, int],
    of_members: NDArray[np.float32] | None = None,
    attained: tuple[AttainedFraction, ...] = (),
    preferred_hz: dict[str, float | None] | None = None,
    preference: tuple[PreferredCategory, ...] = (),
) -> EvaluationReport:
    """Gather the day's other numbers.

    Parameters
    ----------
    day, measured, pairs
        The day's stimuli, sites and presentations; responses by stimulus; changed images beside clean ones.
    recording_day, simulated
        Which day it is, counted from 0, and whether its subject is simulated.
    epsilons
        Of the protocol.
    sealed
        Model t's responses to the clean images, predicted before the session, (n_clean_images, n_outputs).
    rasters
        Chosen spike trains.
    left_out
        What people left out, with how many responses it took away.
    of_members
        Each member's sealed responses to all images, (n_members, n_images, n_outputs); None where none were sealed.
    attained
        Of the white-box bound, by epsilon; empty in a real experiment.
    preferred_hz
        Cross-validated level of each site's preferred category.
    preference
        Response to fresh images of the categories preferred before, of a day that shows any.
    """
    names = [site.neuroid_id for site in day.sites]
    return EvaluationReport(
        simulated=simulated,
        day=recording_day,
        n_sites=len(day.sites),
        n_attacked=len(day.stimuli.rows(kind="attacked")),
        left_out=left_out,
        epsilons=tuple(
            evaluate_epsilon(day, pairs, epsilon)
            for epsilon in epsilons
            if len(day.stimuli.rows(kind="attacked", epsilon=epsilon))
        ),
        attained=attained,
        sigma_hz=dict(zip(names, _or_none(measured.sigma_hz), strict=True)),
        sigma_corrected_hz=dict(zip(names, _or_none(_sigma_corrected(day, measured)), strict=True)),
        r_predicted=dict(zip(names, _or_none(_r_predicted(day, measured, sealed)), strict=True)),
        probes=evaluate_probes(day, measured, of_members),
        reliability={site.neuroid_id: site.reliability for site in day.sites},
        preferred_hz=dict(zip(names, _or_none(_preferred_hz(day, measured)), strict=True)),
        preferred_cross_validated_hz=preferred_hz or {},
        preference=preference,
        random_pair=_random_pair(day, measured),
        map_fit=map_fit(day, measured, sealed),
        sign_fit=sign_fit(day, pairs),
        examples=find_examples(day, measured, pairs),
        rasters=rasters,
    )


def evaluate_epsilon(day: DayResponses, pairs: ImagePairs, epsilon: float) -> EpsilonEvaluation:
    """Return how the attacks of one epsilon fared.

    Parameters
    ----------
    day
        Stimuli and sites.
    pairs
        All of the day.
    epsilon
        Which attacks.
    """
    own = pairs.select(kind="attacked", epsilon=epsilon)
    sign = own.predicted_sign
    stimuli = day.stimuli.rows(kind="attacked", epsilon=epsilon)
    columns = day.stimuli.columns
    predicted = np.abs(columns["predicted_attacked"][stimuli] - columns["predicted_clean"][stimuli])
    raised = own.rate_changed_hz[(sign > 0) & np.isfinite(own.rate_changed_hz)]
    return EpsilonEvaluation(
        epsilon=epsilon,
        n_pairs=len(sign),
        sign_agreement_measured=_agreement(sign, own.change),
        sign_agreement_true=_agreement(sign, own.true_change),
        realised_epsilon_mean=float(columns["realised_epsilon"][stimuli].mean()),
        realised_epsilon_max=float(columns["realised_epsilon"][stimuli].max()),
        mean_attacked_hz=float(raised.mean()) if len(raised) else None,
        predicted_change=float(predicted.mean()),
    )


def _agreement(sign: Integers, change: Floats) -> float | None:
    """Return the part of the known, non-zero changes that have the sealed sign."""
    known = np.isfinite(change) & (change != 0)
    return float((np.sign(change[known]) == sign[known]).mean()) if known.any() else None


def _sigma_corrected(day: DayResponses, measured: Measured) -> Floats:
    return sigma_corrected(measured.repetitions_hz[evaluated_clean_rows(day.stimuli)])


def _r_predicted(day: DayResponses, measured: Measured, sealed: NDArray[np.float32]) -> Floats:
    """Correlate the sealed predictions of model t with the responses to the day's clean images, which it never saw."""
    clean = evaluated_clean_rows(day.stimuli)
    predicted = sealed[clean][:, : len(day.sites)].astype(np.float64)
    return correlation(predicted, measured.rates_hz[clean])


def _random_pair(day: DayResponses, measured: Measured) -> float | None:
    """Return the mean |r(x) - r(y)| of two random clean images in sigma, over sites (Figure 1A, dashed blue)."""
    clean = evaluated_clean_rows(day.stimuli)
    change = random_pair_change(measured.rates_hz[clean]) / measured.sigma_hz
    return round(float(np.nanmean(change)), 4) if np.isfinite(change).any() else None


def _preferred_hz(day: DayResponses, measured: Measured) -> Floats:
    """Return each site's mean response to its most preferred category, biased upward; NaN without any response."""
    clean = evaluated_clean_rows(day.stimuli)
    categories, category = np.unique(day.stimuli.columns["category"][clean], return_inverse=True)
    means = mean_response(measured.rates_hz[clean], category, n_images=len(categories))
    best = np.max(np.where(np.isfinite(means), means, -np.inf), axis=0)
    return np.where(np.isfinite(best), best, np.nan)


def _or_none(values: Floats) -> list[float | None]:
    return [round(float(value), 4) if np.isfinite(value) else None for value in values]
