"""Whether the day's responses are those of the sites that the model means: the figures behind the page's alarms."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.agreement import map_agreement, sign_agreement
from closedloop.artifacts.day.evaluation import MapFit, SignFit
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.day_use import evaluated_clean_rows
from closedloop.stages.evaluate.pairs import ImagePairs, Measured

_SEED = 0  # of the random orders of the sites: the figure depends on the day's responses alone
_DECIMALS = 6


def map_fit(day: DayResponses, measured: Measured, sealed: NDArray[np.float32]) -> MapFit:
    """Compare the sealed predictions of clean images with the responses of their own sites and of the others.

    Parameters
    ----------
    day, measured
        The day's stimuli and sites; responses by stimulus.
    sealed
        Predicted before the session, (n_clean_images, n_outputs).
    """
    clean = evaluated_clean_rows(day.stimuli)
    predicted = sealed[clean][:, : len(day.sites)].astype(np.float64)
    found = map_agreement(predicted, measured.rates_hz[clean], seed=_SEED)
    return MapFit(
        r_own=_known(found.own),
        r_other=_known(found.other),
        p=_known(found.p),
        n_sites=found.n_sites,
        rings=found.rings,
    )


def sign_fit(day: DayResponses, pairs: ImagePairs) -> SignFit | None:
    """Test whether the sites moved as the sealed predictions say, all epsilons together; None without attacks.

    Parameters
    ----------
    day
        With the sealed predictions of its attacks.
    pairs
        Of the session.
    """
    attacks = pairs.select(kind="attacked")
    if not len(attacks.stimulus):
        return None
    columns = day.stimuli.columns
    predicted = (columns["predicted_attacked"] - columns["predicted_clean"])[attacks.stimulus]
    found = sign_agreement(attacks.change, predicted, image_index=attacks.clean_index, site_index=attacks.site_index)
    return SignFit(
        mean=_known(found.mean.mean),
        standard_error=_known(found.mean.standard_error),
        p=_known(found.p),
        rings=found.rings,
    )


def _known(value: float) -> float | None:
    return round(value, _DECIMALS) if math.isfinite(value) else None
