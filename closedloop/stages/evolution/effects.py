"""What sites answered to a session's evolving images, and whether evolution went above natural images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.intervals import student_95, student_p
from closedloop.analysis.repetitions import repetitions_of
from closedloop.analysis.slopes import holm
from closedloop.artifacts import catalog
from closedloop.artifacts.day.evolution.tables import EVOLUTION_EFFECTS, EVOLUTION_GAINS
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.files.kinds import TableFile
from closedloop.artifacts.protocol.evolution.section import EVOLVED_MEAN, EVOLVED_NATURAL
from closedloop.artifacts.tables import Columns, as_arrays

Floats = NDArray[np.float64]

_A_HAIR = 1 + 1e-9  # so that six degrees of freedom, computed, are not five


def evolution_tables(
    day: DayResponses, sealed: Columns | None, *, window_s: float, true_rates_hz: Floats | None
) -> list[tuple[TableFile, Columns]]:
    """Return the tables that `evaluate` writes of a session's evolving images; none of a session without any.

    Parameters
    ----------
    day
        What the sites answered.
    sealed
        `EVOLVED_IMAGES`; None where the session has none.
    window_s
        That spikes were counted in.
    true_rates_hz
        Of the hidden cortex, (n_images, n_sites); None in a real experiment.
    """
    if sealed is None:
        return []
    effects = evolution_effects(day, sealed, window_s=window_s, true_rates_hz=true_rates_hz)
    gains = evolution_gains(effects, repetitions_of(day.rates_hz, day.image_index, n_images=day.n_images), day)
    tables = [(catalog.EVOLUTION_EFFECTS, effects)]
    return [*tables, (catalog.EVOLUTION_GAINS, as_arrays(gains, EVOLUTION_GAINS))] if gains else tables


def evolution_effects(
    day: DayResponses, sealed: Columns, *, window_s: float, true_rates_hz: Floats | None
) -> dict[str, Any]:
    """Return the rows of `EVOLUTION_EFFECTS`.

    Parameters
    ----------
    day, sealed, window_s, true_rates_hz
        See `evolution_tables`; there are images.
    """
    by_image = repetitions_of(day.rates_hz, day.image_index, n_images=day.n_images)
    index = sealed["image_index"].astype(np.int64)
    place = {site.site_index: column for column, site in enumerate(day.sites)}
    column = np.array([place.get(int(site), -1) for site in sealed["site_index"]], dtype=np.int64)
    own = np.where((column >= 0)[:, None], by_image[index, np.maximum(column, 0)], np.nan)
    n = np.isfinite(own).sum(axis=1)
    mean, error = _mean_and_error(own)
    true = np.full(len(index), np.nan)
    if true_rates_hz is not None:
        true = np.where(column >= 0, true_rates_hz[index, np.maximum(column, 0)], np.nan)
    columns = {
        **{name: sealed[name] for name in ("image_index", "kind", "site_index", "generation", "image_id")},
        "neuroid_id": np.array([day.sites[one].neuroid_id if one >= 0 else "" for one in column], dtype=object),
        "natural_mean_hz": sealed["natural_mean"] / window_s,
        "natural_sd_hz": sealed["natural_sd"] / window_s,
        "n_repetitions": n.astype(np.int32),
        "response_hz": mean,
        "error_hz": error,
        "true_hz": true,
    }
    return {name: columns[name] for name in EVOLUTION_EFFECTS.columns}


def evolution_gains(effects: Columns, by_image: Floats, day: DayResponses) -> list[dict[str, Any]]:
    """Return the rows of `EVOLUTION_GAINS`: a site each, then the mean over them; none of a session that compares none.

    Parameters
    ----------
    effects
        `EVOLUTION_EFFECTS`.
    by_image
        Rates of each showing, (n_images, n_sites, n_repetitions); NaN where there is none.
    day
        Whose sites they are.
    """
    place = {site.neuroid_id: column for column, site in enumerate(day.sites)}
    compared = {
        str(effects["neuroid_id"][row]): row for row in np.flatnonzero(effects["kind"] == EVOLVED_MEAN).tolist()
    }
    natural = {
        str(effects["neuroid_id"][row]): row for row in np.flatnonzero(effects["kind"] == EVOLVED_NATURAL).tolist()
    }
    rows = []
    for name in [name for name in compared if name in natural and name in place]:
        pair = [compared[name], natural[name]]
        showings = by_image[effects["image_index"][pair].astype(np.int64), place[name]]
        rows.append(_of_site(name, showings, effects, pair))
    known = [row for row in rows if math.isfinite(row["difference"])]
    corrected = holm(np.array([row["p"] for row in rows]))
    for row, p in zip(rows, corrected.tolist(), strict=True):
        row["p_corrected"] = p
    return [*rows, _of_all(known)] if known else rows


def _of_site(name: str, showings: Floats, effects: Columns, pair: list[int]) -> dict[str, Any]:
    """Compare a site's two images over their showings (Welch 1947), in SD of its responses to natural images."""
    natural_mean, natural_sd = (float(effects[f"natural_{of}_hz"][pair[0]]) for of in ("mean", "sd"))
    unit = natural_sd if natural_sd > 0 else math.nan
    mean, error = (values / unit for values in _mean_and_error(showings))
    n = np.isfinite(showings).sum(axis=1)
    difference, whole = float(mean[0] - mean[1]), float(math.hypot(*error))
    degrees = 0
    if whole > 0 and math.isfinite(whole):
        degrees = int(_A_HAIR * whole**4 / float((error**4 / (n - 1)).sum()))  # rounded down: a wider interval
    half = student_95(degrees) * whole if degrees else math.nan
    return {
        "neuroid_id": name,
        "n_sites": 1,
        "mean_image": float(mean[0] - natural_mean / unit),
        "natural_image": float(mean[1] - natural_mean / unit),
        "difference": difference,
        "low": difference - half,
        "high": difference + half,
        "p": student_p(difference / whole, degrees) if degrees else math.nan,
        "p_corrected": math.nan,
        "true_difference": float(effects["true_hz"][pair[0]] - effects["true_hz"][pair[1]]) / unit,
    }


def _of_all(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean over sites, with an interval over them."""
    values = np.array([row["difference"] for row in rows])
    n = len(values)
    error = float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    half = student_95(n - 1) * error
    p = student_p(float(values.mean()) / error, n - 1) if error > 0 else math.nan
    means = {
        name: float(np.mean([row[name] for row in rows]))
        for name in ("mean_image", "natural_image", "difference", "true_difference")
    }
    return {
        "neuroid_id": "",
        "n_sites": n,
        **means,
        "low": means["difference"] - half,
        "high": means["difference"] + half,
        "p": p,
        "p_corrected": p,
    }


def _mean_and_error(values: Floats) -> tuple[Floats, Floats]:
    """Return the mean over usable showings and its standard error, by row; NaN of none, and of fewer than two."""
    known = np.isfinite(values)
    n = known.sum(axis=-1)
    nothing = np.full(n.shape, np.nan)
    mean = np.divide(np.where(known, values, 0.0).sum(axis=-1), n, out=nothing.copy(), where=n > 0)
    squares = np.where(known, (values - mean[..., None]) ** 2, 0.0).sum(axis=-1)
    variance = np.divide(squares, n * (n - 1), out=nothing, where=n > 1)
    return mean, np.sqrt(variance)
