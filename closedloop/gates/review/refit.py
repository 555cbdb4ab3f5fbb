"""Whether the refit made the model better, on images that neither the model before nor the one after was fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.estimate import Floats
from closedloop.analysis.intervals import half_width_95
from closedloop.analysis.predictivity import correlation
from closedloop.artifacts.arrays import read_rows
from closedloop.artifacts.catalog import IMAGES, MODEL, PREDICTIONS, STIMULI
from closedloop.artifacts.gates.report import GateFinding
from closedloop.gates.context import GateContext
from closedloop.gates.day_rates import clean_rates, left_out_of, model_sites
from closedloop.gates.levels import finding, level_of, worst
from closedloop.gates.wording import bounds, plain, signed

_HELD_OUT = ("anchor", "normalizer")  # as the refit: the anchors, or the normalizers where a protocol has none
_LEAST_IMAGES = 8
_DECIMALS = 4  # of r; a network on another processor differs in the sixth
_PREDICTS = 0.1  # r; below it a model says next to nothing of images it was not fitted to


def refit_better(context: GateContext) -> GateFinding:
    """Compare the models before and after the refit on today's held-out images.

    Both are asked about the same images and the same responses, so that a noisy day hurts both. What the model before
    says was sealed before the session. Worse holds where the whole interval is below the limit, and so does a model
    that predicts nothing, whatever the one before did; a smaller loss warns.
    """
    limit = context.protocol.gates.refit_better
    expected = (
        f"a refit that changes the mean r on held-out images by {bounds(limit, signed)}, to {_PREDICTS:g} or more"
    )
    rows, measured = _held_out(context)
    left_out = left_out_of(context, "fit")
    if len(rows) < _LEAST_IMAGES:
        found = f"{len(rows)} held-out images (under {_LEAST_IMAGES}): not known{left_out}"
        return finding("refit_better", "PASS", expected=expected, found=found, remedy="")
    counts = [not context.uncounted("fit").covers_site(site.neuroid_id) for site in model_sites(context)]
    models = [
        predicted[:, : measured.shape[1]][:, counts] for predicted in (_sealed(context, rows), _after(context, rows))
    ]
    measured = measured[:, counts]
    change = _change(models[0], models[1], measured)
    is_worse = limit.hold is not None and change.interval[1] < limit.hold
    level = worst(
        "HOLD" if is_worse or not change.r_after >= _PREDICTS else "PASS",
        "PASS" if level_of(change.mean, limit) == "PASS" else "WARN",
    )
    low, high = change.interval
    return finding(
        "refit_better",
        level,
        expected=expected,
        found=f"r {plain(change.r_before)} before and {plain(change.r_after)} after: {signed(change.mean)} (95 %: "
        f"{signed(low)} to {signed(high)}) over {len(rows)} images and {measured.shape[1]} sites"
        + (" (day 0: the model before had seen no response)" if context.is_first else "")
        + left_out,
        remedy="Look at what the intake found on this day: exchanged or drifted sites spoil a fit; and at the fit's "
        "losses in the report. A recording that should not count is replaced (closedloop replace-recording) before "
        "tomorrow is scheduled; the model of the day before stays where it is.",
        values={
            "r_before": round(change.r_before, _DECIMALS),
            "r_after": round(change.r_after, _DECIMALS),
            "change": round(change.mean, _DECIMALS),
            "interval_low": round(low, _DECIMALS),
            "interval_high": round(high, _DECIMALS),
            "n_images": float(len(rows)),
        },
    )


@dataclass(frozen=True)
class _RefitChange:
    """Mean correlation over sites of two models, after minus before, with its 95 % interval over images."""

    r_before: float
    r_after: float
    interval: tuple[float, float]

    @property
    def mean(self) -> float:
        return self.r_after - self.r_before


def _change(before: Floats, after: Floats, measured: Floats) -> _RefitChange:
    """Compare two models, (n_images, n_sites); the interval is the jackknife's: images are what is sampled."""
    r_before, r_after = (_mean_r(predicted, measured) for predicted in (before, after))
    n = len(measured)
    without = [
        _mean_r(after[kept], measured[kept]) - _mean_r(before[kept], measured[kept]) for kept in ~np.eye(n, dtype=bool)
    ]
    standard_error = float(np.sqrt((n - 1) ** 2 / n * np.var(without, ddof=1)))
    half = half_width_95(standard_error, n=n)
    return _RefitChange(r_before, r_after, (r_after - r_before - half, r_after - r_before + half))


def _mean_r(predicted: Floats, measured: Floats) -> float:
    """Return the mean over sites; a model that says the same of all images (no r) has none, a site silent is left."""
    r = correlation(predicted, measured)
    varies = correlation(measured, measured)
    return float(np.mean(np.nan_to_num(r[np.isfinite(varies)]))) if np.isfinite(varies).any() else 0.0


def _held_out(context: GateContext) -> tuple[NDArray[np.int64], Floats]:
    """Return today's held-out images, rows of the stimulus set, and the sites' mean rates to them, (n_images, n_sites).

    Images to which no site has a response are left out; what people left out of the fit is none.
    """
    stimuli, roles = context.read(STIMULI), context.read(STIMULI)["role"]
    is_clean = stimuli["kind"] == "clean"
    role = next((role for role in _HELD_OUT if (is_clean & (roles == role)).any()), _HELD_OUT[0])
    rows = np.flatnonzero(is_clean & (roles == role))
    names = np.array([site.neuroid_id for site in model_sites(context)], dtype=str)
    measured = clean_rates(context, roles=(role,), parts=("fit",)).of(stimuli["stimulus_id"][rows], names)
    answered = np.isfinite(measured).any(axis=1)
    return rows[answered], measured[answered]


def _sealed(context: GateContext, rows: NDArray[np.int64]) -> Floats:
    """Return what the model before the refit says, sealed at synthesis, (n_images, n_outputs)."""
    return np.asarray(context.read(PREDICTIONS)["predicted"][rows], dtype=np.float64)


def _after(context: GateContext, rows: NDArray[np.int64]) -> Floats:
    """Ask the refitted model about images, (n_images, n_outputs)."""
    from closedloop.models.checkpoints import load_site_model  # noqa: PLC0415 - torch is needed for this gate alone
    from closedloop.models.site_model import predict  # noqa: PLC0415

    model = load_site_model(context.leaves(MODEL))
    images = read_rows(context.leaves(IMAGES), IMAGES.layout, name="images", rows=rows.tolist())
    return np.asarray(predict(model, images), dtype=np.float64)
