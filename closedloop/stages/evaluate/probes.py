"""What the sealed model said of the day's probes, beside what the sites did: how right it is off the clean images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.predictivity import correlation
from closedloop.artifacts.day.evaluation import ProbeEvaluation
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.day_use import PROBE
from closedloop.stages.evaluate.pairs import Measured


def evaluate_probes(
    day: DayResponses, measured: Measured, of_members: NDArray[np.float32] | None
) -> ProbeEvaluation | None:
    """Correlate the sealed responses to the day's probes, which no fit had seen when they were predicted.

    Parameters
    ----------
    day, measured
        The day's stimuli and sites, and the responses by stimulus.
    of_members
        Each member's sealed responses, (n_members, n_images, n_outputs); None where none were sealed.

    Returns
    -------
    ProbeEvaluation or None
        None of a day without probes.
    """
    rows = day.stimuli.rows(kind=PROBE)
    if of_members is None or not len(rows):
        return None
    predicted = of_members[:, rows, : len(day.sites)].astype(np.float64)
    rates_hz = measured.rates_hz[rows]
    names = [site.neuroid_id for site in day.sites]
    return ProbeEvaluation(
        n=len(rows),
        n_fitted=len(rows) - len(day.stimuli.rows(kind=PROBE, role="anchor")),
        epsilon=float(day.stimuli.columns["epsilon"][rows].max()),
        r_predicted=dict(zip(names, _or_none(correlation(predicted.mean(axis=0), rates_hz)), strict=True)),
        r_of_members=tuple(_mean(correlation(one, rates_hz)) for one in predicted) if len(predicted) > 1 else (),
    )


def _or_none(values: NDArray[np.float64]) -> list[float | None]:
    return [round(float(value), 4) if np.isfinite(value) else None for value in values]


def _mean(values: NDArray[np.float64]) -> float | None:
    return round(float(np.nanmean(values)), 4) if np.isfinite(values).any() else None
