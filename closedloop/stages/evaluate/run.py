"""Evaluate: how far the sites moved, by the paper's estimator and by checks of it, against what was predicted.

The hidden truth of a simulation is read here (through `hidden_truth`) and nowhere else in the loop.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.dispersion import random_pair_change, sigma_corrected
from closedloop.analysis.predictivity import correlation
from closedloop.analysis.reliability import mean_response, split_half_means
from closedloop.artifacts.arrays import read_arrays
from closedloop.artifacts.day.evaluation import PAIRS, SENSITIVITY, EpsilonEvaluation, EvaluationReport
from closedloop.artifacts.day.stimuli import PREDICTIONS
from closedloop.artifacts.day_responses import DayResponses, read_day_responses
from closedloop.artifacts.tables import as_columns, write_table
from closedloop.stages.context import StageContext
from closedloop.stages.evaluate.examples import find_examples, find_rasters
from closedloop.stages.evaluate.hidden_truth import HiddenTruth, read_hidden_truth
from closedloop.stages.evaluate.pairs import Measured, Pairs, measure, pairs_of
from closedloop.stages.evaluate.rows import Row, measured_rows, truth_rows
from closedloop.stages.evaluate.units import unit_rows


def run(context: StageContext) -> None:
    """Write sensitivity.parquet, pairs.parquet and evaluation.json."""
    day = _read_day(context)
    measured = measure(day, seed=context.seed("halves"))
    truth = read_hidden_truth(context, day, measured) if context.simulated else None
    pairs = pairs_of(day, measured, true_rates_hz=truth.rates_hz if truth else None)
    rows = [
        *measured_rows(pairs),
        *(truth_rows(pairs) if truth else []),
        *_white_box_rows(truth),
        *unit_rows(context, day),
    ]
    dated: list[dict[str, Any]] = [{"day": context.day, **row} for row in rows]
    simulated = context.simulated
    write_table(
        context.working / "sensitivity.parquet", SENSITIVITY, as_columns(dated, SENSITIVITY), simulated=simulated
    )
    write_table(context.working / "pairs.parquet", PAIRS, pairs.table(), simulated=simulated)
    _report(context, day, measured, pairs).write(context.working / "evaluation.json")


def _read_day(context: StageContext) -> DayResponses:
    recording = context.protocol.recording
    window_s = (recording.window_stop_ms - recording.window_start_ms) / 1000
    return read_day_responses(context.paths, context.day, window_s=window_s)


def _white_box_rows(truth: HiddenTruth | None) -> list[Row]:
    return truth.white_box_rows if truth else []


def _report(context: StageContext, day: DayResponses, measured: Measured, pairs: Pairs) -> EvaluationReport:
    names = [site.neuroid_id for site in day.sites]
    return EvaluationReport(
        simulated=context.simulated,
        day=context.day,
        n_sites=len(day.sites),
        n_attacked=len(day.stimuli.rows(kind="attacked")),
        epsilons=tuple(_epsilon(day, pairs, epsilon) for epsilon in context.protocol.attack.epsilons),
        sigma_hz=dict(zip(names, _or_none(measured.sigma_hz), strict=True)),
        sigma_corrected_hz=dict(zip(names, _or_none(_sigma_corrected(context, day)), strict=True)),
        r_predicted=dict(zip(names, _or_none(_r_predicted(context, day, measured)), strict=True)),
        reliability={site.neuroid_id: site.reliability for site in day.sites},
        preferred_hz=dict(zip(names, _or_none(_preferred_hz(day, measured)), strict=True)),
        random_pair=_random_pair(day, measured),
        examples=find_examples(day, measured, pairs),
        rasters=find_rasters(context, day, measured, pairs),
    )


def _epsilon(day: DayResponses, pairs: Pairs, epsilon: float) -> EpsilonEvaluation:
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


def _agreement(sign: NDArray[np.int64], change: NDArray[np.float64]) -> float | None:
    """Part of the known, non-zero changes that have the sealed sign."""
    known = np.isfinite(change) & (change != 0)
    return float((np.sign(change[known]) == sign[known]).mean()) if known.any() else None


def _sigma_corrected(context: StageContext, day: DayResponses) -> NDArray[np.float64]:
    random = np.random.default_rng(context.seed("sigma"))
    half_a, half_b = split_half_means(day.rates_hz, day.image_index, n_images=day.n_images, rng=random)
    clean = day.stimuli.rows(kind="clean", role="clean")
    return sigma_corrected(half_a[clean], half_b[clean])


def _r_predicted(context: StageContext, day: DayResponses, measured: Measured) -> NDArray[np.float64]:
    """Correlate the sealed predictions of model t with the responses to the day's clean images, which it never saw."""
    sealed = read_arrays(context.published("synthesize") / "predictions.h5", PREDICTIONS)["predicted"]
    clean = day.stimuli.rows(kind="clean", role="clean")
    predicted = sealed[clean][:, : len(day.sites)].astype(np.float64)
    return correlation(predicted, measured.rates_hz[clean])


def _random_pair(day: DayResponses, measured: Measured) -> float | None:
    """Return the mean |r(x) - r(y)| of two random clean images in sigma, over sites (Figure 1A, dashed blue)."""
    clean = day.stimuli.rows(kind="clean", role="clean")
    change = random_pair_change(measured.rates_hz[clean]) / measured.sigma_hz
    return round(float(np.nanmean(change)), 4) if np.isfinite(change).any() else None


def _preferred_hz(day: DayResponses, measured: Measured) -> NDArray[np.float64]:
    """Return each site's mean response to its most preferred category; NaN for a site without any response."""
    clean = day.stimuli.rows(kind="clean", role="clean")
    categories, category = np.unique(day.stimuli.columns["category"][clean], return_inverse=True)
    means = mean_response(measured.rates_hz[clean], category, n_images=len(categories))
    best = np.max(np.where(np.isfinite(means), means, -np.inf), axis=0)
    return np.where(np.isfinite(best), best, np.nan)


def _or_none(values: NDArray[np.float64]) -> list[float | None]:
    return [round(float(value), 4) if np.isfinite(value) else None for value in values]
