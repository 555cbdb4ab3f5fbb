"""Refit: model t+1 from the clean images of all days and the attacks on them, end to end (section 3.1, Figure 4 box 3).

Anchors, their attacks, normalizers and controls are never fitted: on the anchors days are compared, so a model must not
have seen them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.normalizers import z_score
from closedloop.analysis.reliability import mean_response
from closedloop.artifacts import catalog
from closedloop.artifacts.amended.sequence import FIRST
from closedloop.artifacts.day.fit import FitReport
from closedloop.artifacts.day_responses import DayResponses, read_day_responses
from closedloop.errors import StudyError
from closedloop.models.checkpoints import load_site_model, save_site_model
from closedloop.stages.context import StageContext
from closedloop.stages.from_protocol.model import recipe_of
from closedloop.stages.from_protocol.recording import response_window_s
from closedloop.storage import make_folder
from closedloop.training.closed_form import start_readout
from closedloop.training.end_to_end import Responses, held_out_correlation, refit


def run(context: StageContext) -> None:
    """Write model.safetensors and fit.json."""
    fit, window_s = context.protocol.fit, response_window_s(context.protocol.recording)
    days = [read_day_responses(context.at(one).read, one.day, window_s=window_s) for one in context.so_far]
    model = load_site_model(context.path(catalog.MODEL))
    train = _concatenate([_fitted(day) for day in days], n_outputs=model.spec.n_sites)
    held_out = _concatenate([_anchors(day) for day in days], n_outputs=model.spec.n_sites)
    if not (np.isfinite(train.responses) & (train.weights > 0)).any():
        raise StudyError(
            f"{context.path(catalog.COUNTS)}: expected responses that differ among the images by which days are put on "
            "one scale, found none on any site and day. Check these recordings; nothing can be fitted to them."
        )
    if fit.readout_start == "closed_form" and context.block == FIRST:
        start_readout(model, train.images, train.responses, ridge=fit.ridge)
    make_folder(context.scratch)
    report = refit(
        model,
        train,
        held_out,
        recipe=recipe_of(fit),
        seed=context.seed(),
        checkpoint=context.scratch / "training.pt",
        progress=lambda progress: context.progress(progress.step, progress.n_steps),
    )
    save_site_model(context.output(catalog.MODEL), model)
    context.write(
        catalog.FIT,
        FitReport(
            simulated=context.simulated,
            day=context.day,
            readout_start=fit.readout_start,
            n_stimuli=len(train.images),
            n_presentations=int(np.nanmax(train.weights, axis=1).sum()),
            n_fitted_by_day=tuple(len(_fitted(day).images) for day in days),
            loss_by_epoch=report.losses,
            heldout_images=_held_out_images(days),
            n_heldout=len(held_out.images),
            r_heldout=_per_site(report.correlation_after),
            r_fitted=_per_site(held_out_correlation(model, train)),
        ),
    )


def _fitted(day: DayResponses) -> Responses:
    return _responses(day, day.stimuli.rows(kind=("clean", "attacked"), role="clean"))


def _anchors(day: DayResponses) -> Responses:
    """Held-out clean images: the anchors, or the normalizers where a protocol has none."""
    anchors = day.stimuli.rows(kind="clean", role="anchor")
    return _responses(day, anchors if len(anchors) else day.stimuli.rows(kind="clean", role="normalizer"))


def _held_out_images(days: Sequence[DayResponses]) -> str:
    kinds = ("anchors" if len(day.stimuli.rows(kind="clean", role="anchor")) else "normalizers" for day in days)
    return f"{' and '.join(dict.fromkeys(kinds))} of all days so far, never fitted"


def _responses(day: DayResponses, rows: NDArray[np.int64]) -> Responses:
    """Average repetitions and z-score by the day's normalizers (by its clean images, where a protocol has none)."""
    rates = mean_response(day.rates_hz, day.image_index, n_images=day.n_images)
    normalizers = day.stimuli.rows(kind="clean", role="normalizer")
    reference = normalizers if len(normalizers) else day.stimuli.rows(kind="clean", role="clean")
    z = z_score(rates[rows], rates[reference])
    usable = np.zeros(rates.shape)
    np.add.at(usable, day.image_index, np.isfinite(day.rates_hz))
    return Responses(day.stimuli.images[rows], z.astype(np.float32), usable[rows].astype(np.float32))


def _concatenate(parts: Sequence[Responses], *, n_outputs: int) -> Responses:
    """Return all days' responses; outputs of the model that no site was reliable enough for have none."""
    return Responses(
        images=np.concatenate([part.images for part in parts]),
        responses=_pad_columns(np.concatenate([part.responses for part in parts]), n_outputs, fill=np.nan),
        weights=_pad_columns(np.concatenate([part.weights for part in parts]), n_outputs, fill=0),
    )


def _pad_columns(values: NDArray[np.float32], n_columns: int, *, fill: float) -> NDArray[np.float32]:
    return np.pad(values, ((0, 0), (0, n_columns - values.shape[1])), constant_values=fill)


def _per_site(correlation: NDArray[np.float32]) -> tuple[float | None, ...]:
    return tuple(round(float(r), 4) if np.isfinite(r) else None for r in correlation)
