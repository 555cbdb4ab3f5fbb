"""Refit: model t+1 from the clean images of all days and the attacks on them, end to end (section 3.1, Figure 4 box 3).

What is fitted, and what never is, stands in `artifacts.day_use`. Where nothing is left to be fitted because people left
it out or ended a session early, the model stays the one that the day was shown with; and so it does after a round that
the protocol lets wait for the day's last one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.normalizers import z_score
from closedloop.analysis.reliability import mean_response
from closedloop.artifacts import catalog
from closedloop.artifacts.amended.closing import sessions_of
from closedloop.artifacts.amended.exclusions import from_text, of_session
from closedloop.artifacts.day.fit import FitReport, MemberReport
from closedloop.artifacts.day_responses import DayResponses, read_day_responses
from closedloop.artifacts.day_use import (
    fitted_rows,
    held_out_probe_rows,
    held_out_rows,
    leave_out,
    scaling_rows,
)
from closedloop.artifacts.records.sequence import Block
from closedloop.errors import StudyError
from closedloop.models.checkpoints import load_site_model, save_site_model
from closedloop.models.ensemble import DayModel, SiteEnsemble
from closedloop.models.site_model import SiteModel
from closedloop.stages.arms.models import load_model
from closedloop.stages.context import StageContext
from closedloop.stages.from_protocol.model import processes_of, recipe_of
from closedloop.stages.from_protocol.recording import response_window_s
from closedloop.stages.imported.responses import as_responses
from closedloop.storage import make_folder
from closedloop.storage.arrays import map_rows
from closedloop.training.closed_form import start_readout
from closedloop.training.elsewhere import fit_elsewhere
from closedloop.training.end_to_end import RefitReport, Responses, held_out_correlation
from closedloop.training.members import MemberFit, refit_members

_BLOCK = 256  # images that are in memory at once


def run(context: StageContext) -> None:
    """Write model.safetensors, fit.json and, where arms have networks beside the day's model, one for each."""
    fit, window_s = context.protocol.fit, response_window_s(context.protocol.recording)
    sessions = context.so_far
    scratch = context.scratch
    make_folder(scratch)
    read = (read_day_responses(context.at(one).read, one.day, window_s=window_s) for one in sessions)
    whole = [_with_mapped_images(day, scratch / f"images-{number}.npy") for number, day in enumerate(read)]
    days, left_out = _without_left_out(whole, context.decided.get("left_out_of_fit", ""), sessions=sessions)
    days, not_fitted = _without_too_short(days, context.decided.get("closed_until", ""), sessions=sessions)
    model = load_site_model(context.path(catalog.MODEL))
    is_due = fit.in_rounds == "each" or context.paths.sequence.measures(context.block)
    imported = [
        _whole(as_responses(context.read(catalog.IMPORTED_RATES), context.read(catalog.IMPORTED_IMAGES)))
        for _ in range(is_due and context.has(catalog.IMPORTED_RESPONSES))
    ]
    fitted = [_fitted(day, only_usable=bool(context.decided), is_due=is_due) for day in days]
    asked, n_outputs = _with_anchors(days), model.spec.n_sites
    train = _concatenate([*imported, *fitted], n_outputs=n_outputs, file=scratch / "fitted.npy")
    held_out = _concatenate([_anchors(day) for day in asked], n_outputs=n_outputs, file=scratch / "held-out.npy")
    probes = [_probes(day) for day in days]
    held_out_probes = _concatenate(probes, n_outputs=n_outputs, file=scratch / "held-out-probes.npy")
    is_fitted = bool((np.isfinite(train.responses) & (train.weights > 0)).any())
    if is_due and not (is_fitted or context.decided):
        raise StudyError(
            f"{context.path(catalog.COUNTS)}: expected responses that differ among the images by which days are put on "
            "one scale, found none on any site and day. Check these recordings; nothing can be fitted to them."
        )
    members = model.members if isinstance(model, SiteEnsemble) else (model,)
    names = [one.name for one in context.protocol.arms.models]
    beside = {name: load_model(context.path(catalog.model_of_arms(name)), name) for name in names}
    is_first = not any(_is_fitted(one) for one in (*imported, *fitted[:-1]))
    if is_fitted and fit.readout_start == "closed_form" and is_first:
        for member in (*members, *beside.values()):
            start_readout(member, train.images, train.responses, ridge=fit.ridge)
    recipe = recipe_of(fit, n_images=max(len(train.images), 1), is_first=is_first)
    reports = list[RefitReport]()
    if is_fitted:
        fits = [
            MemberFit(member, context.seed(*names), scratch / f"{'-'.join(['training', *names])}.pt")
            for member, names in zip(
                (*members, *beside.values()), (*_names_of(len(members)), *_names_beside(beside)), strict=True
            )
        ]
        if context.workers is not None and context.workers.is_cluster:
            fits = fit_elsewhere(
                fits, train, held_out, recipe=recipe, workers=context.workers, progress=context.progress
            )
        reports = refit_members(
            fits,
            train,
            held_out,
            recipe=recipe,
            n_processes=processes_of(context.workers),
            progress=context.progress,
            device="auto",
        )[: len(members)]  # what the others learned is seen by what they foretell
    save_site_model(context.output(catalog.MODEL), model)
    for name, one in beside.items():
        save_site_model(context.output(catalog.model_of_arms(name)), one)
    judged = _Correlations(model, held_out, held_out_probes, train if is_fitted else None)
    context.write(
        catalog.FIT,
        FitReport(
            simulated=context.simulated,
            day=context.day,
            readout_start=fit.readout_start,
            n_stimuli=len(train.images),
            n_imported=sum(len(one.rows) for one in imported),
            n_presentations=int(np.nanmax(train.weights, axis=1).sum()),
            n_fitted_by_day=tuple(len(one.rows) for one in fitted),
            loss_by_epoch=_mean_losses(reports),
            weight_decay=recipe.weight_decay if fit.decay_images is not None else None,
            members=tuple(
                _member_report(member, report, judged)
                for member, report in itertools.zip_longest(members, reports)
                if len(members) > 1
            ),
            left_out=left_out,
            days_not_fitted=not_fitted,
            heldout_images=_held_out_images(asked),
            n_heldout=len(held_out.images),
            r_heldout=judged.r_heldout,
            r_fitted=judged.r_fitted,
            n_heldout_probes=len(held_out_probes.images),
            r_heldout_probes=judged.r_heldout_probes,
        ),
    )


@dataclass(frozen=True)
class _SessionResponses:
    """Responses of some images of a session, which stay where they are.

    Attributes
    ----------
    images, rows
        The session's, mapped; and which of them.
    responses, weights
        Of these rows, as in `Responses`.
    """

    images: NDArray[np.uint8]
    rows: NDArray[np.int64]
    responses: NDArray[np.float32]
    weights: NDArray[np.float32]


@dataclass(frozen=True)
class _Correlations:
    """How well a model, or a member of it, predicts each site: on clean images and probes that no fit saw, and fitted.

    Attributes
    ----------
    model
        After the refit.
    held_out, probes
        Never fitted.
    train
        Fitted; None where nothing was.
    """

    model: DayModel
    held_out: Responses
    probes: Responses
    train: Responses | None

    @cached_property
    def r_heldout(self) -> tuple[float | None, ...]:
        return _per_site(held_out_correlation(self.model, self.held_out))

    @cached_property
    def r_heldout_probes(self) -> tuple[float | None, ...]:
        return _per_site(held_out_correlation(self.model, self.probes)) if len(self.probes.images) else ()

    @cached_property
    def r_fitted(self) -> tuple[float | None, ...]:
        if self.train is None:
            return (None,) * self.model.spec.n_sites
        return _per_site(held_out_correlation(self.model, self.train))


def _names_of(n_members: int) -> Iterator[list[str]]:
    """Yield what a member is called where seeds and files are named; the first has no name, as a single model."""
    yield from ([f"member {number}"] if number else [] for number in range(n_members))


def _names_beside(names: Iterable[str]) -> Iterator[list[str]]:
    """Yield what a network beside the day's model is called there."""
    yield from (["arms", name] for name in names)


def _mean_losses(reports: Sequence[RefitReport]) -> tuple[float, ...]:
    """Return the members' mean loss of each epoch; of one, its own."""
    if len(reports) < 2:
        return reports[0].losses if reports else ()
    return tuple(float(np.mean(losses)) for losses in zip(*(report.losses for report in reports), strict=True))


def _member_report(member: SiteModel, report: RefitReport | None, whole: _Correlations) -> MemberReport:
    own = replace(whole, model=member)
    return MemberReport(
        architecture=member.spec.architecture,
        layer=member.spec.layer,
        loss_by_epoch=report.losses if report else (),
        r_heldout=own.r_heldout,
        r_fitted=own.r_fitted,
        r_heldout_probes=own.r_heldout_probes,
    )


def _without_left_out(
    days: Sequence[DayResponses], text: str, *, sessions: Sequence[Block]
) -> tuple[list[DayResponses], dict[str, int]]:
    exclusions = from_text(text, place="left_out_of_fit")
    kept, n_taken = list[DayResponses](), dict[str, int]()
    for session, day in zip(sessions, days, strict=True):
        without, taken = leave_out(day, of_session(exclusions, session), recording_day=session.day)
        kept.append(without)
        n_taken |= {words: n_taken.get(words, 0) + n for words, n in taken.items()}
    return kept, n_taken


def _without_too_short(
    days: Sequence[DayResponses], closed: str, *, sessions: Sequence[Block]
) -> tuple[list[DayResponses], dict[str, str]]:
    """Leave out days that ended before half of the images were shown by which days are put on one scale.

    Mean and SD over the few of them that were shown would say which these are more than on what scale the day is.
    """
    kept, why = list(days), dict[str, str]()
    names = [session.seed_name for session in sessions]
    for name in sessions_of(closed):
        if name not in names:  # a day that was skipped after it was closed
            continue
        number = names.index(name)
        n_shown, n_planned = _n_scaling(days[number])
        if 2 * n_shown < n_planned:
            kept[number] = replace(days[number], rates_hz=np.full_like(days[number].rates_hz, np.nan))
            why[str(name)] = f"{n_shown} of the {n_planned} images by which days are put on one scale were shown"
    return kept, why


def _n_scaling(day: DayResponses) -> tuple[int, int]:
    """Return how many of the images by which days are put on one scale have a response, and how many there are."""
    rows = scaling_rows(day.stimuli)
    return int(_usable(day)[rows].any(axis=1).sum()), len(rows)


def _is_fitted(part: _SessionResponses) -> bool:
    return bool((np.isfinite(part.responses) & (part.weights > 0)).any())


def _fitted(day: DayResponses, *, only_usable: bool, is_due: bool) -> _SessionResponses:
    """Return what of a day is fitted; without the images that have no response where people decided something.

    Parameters
    ----------
    day
        What the sites answered.
    only_usable
        Whether people did.
    is_due
        Whether anything is fitted after this session.
    """
    rows = fitted_rows(day.stimuli)[: None if is_due else 0]
    return _responses(day, rows[_usable(day)[rows].any(axis=1)] if only_usable else rows)


def _with_anchors(days: Sequence[DayResponses]) -> list[DayResponses]:
    """Return the sessions that showed anchors: of a day's rounds the last one alone does; all, where none did."""
    return [day for day in days if held_out_rows(day.stimuli)[1] == "anchors"] or list(days)


def _anchors(day: DayResponses) -> _SessionResponses:
    return _responses(day, held_out_rows(day.stimuli)[0])


def _probes(day: DayResponses) -> _SessionResponses:
    return _responses(day, held_out_probe_rows(day.stimuli))


def _held_out_images(days: Sequence[DayResponses]) -> str:
    kinds = (held_out_rows(day.stimuli)[1] for day in days)
    return f"{' and '.join(dict.fromkeys(kinds))} of all days so far, never fitted"


def _responses(day: DayResponses, rows: NDArray[np.int64]) -> _SessionResponses:
    """Average repetitions and z-score by the day's normalizers (by its clean images, where a protocol has none)."""
    rates = mean_response(day.rates_hz, day.image_index, n_images=day.n_images)
    z = z_score(rates[rows], rates[scaling_rows(day.stimuli)])
    return _SessionResponses(day.stimuli.images, rows, z.astype(np.float32), _usable(day)[rows].astype(np.float32))


def _usable(day: DayResponses) -> NDArray[np.float64]:
    """Count the usable repetitions of each image at each site, (n_images, n_sites)."""
    usable = np.zeros((day.n_images, day.rates_hz.shape[1]))
    np.add.at(usable, day.image_index, np.isfinite(day.rates_hz))
    return usable


def _whole(part: Responses) -> _SessionResponses:
    return _SessionResponses(part.images, np.arange(len(part.images)), part.responses, part.weights)


def _concatenate(parts: Sequence[_SessionResponses], *, n_outputs: int, file: Path) -> Responses:
    """Return all days' responses; outputs of the model that no site was reliable enough for have none."""
    n_images, first = sum(len(part.rows) for part in parts), parts[0].images
    return Responses(
        images=_mapped(file, _blocks(parts), shape=(n_images, *first.shape[1:])),
        responses=_pad_columns(np.concatenate([part.responses for part in parts]), n_outputs, fill=np.nan),
        weights=_pad_columns(np.concatenate([part.weights for part in parts]), n_outputs, fill=0),
    )


def _blocks(parts: Sequence[_SessionResponses]) -> Iterator[NDArray[np.uint8]]:
    for part in parts:
        for start in range(0, len(part.rows), _BLOCK):
            yield part.images[part.rows[start : start + _BLOCK]]


def _with_mapped_images(day: DayResponses, file: Path) -> DayResponses:
    """Have the images of a session in a file instead of in memory: a study has many sessions."""
    images = day.stimuli.images
    return replace(day, stimuli=replace(day.stimuli, images=_mapped(file, [images], shape=images.shape)))


def _mapped(file: Path, blocks: Iterable[NDArray[np.uint8]], *, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return map_rows(file, blocks, shape=shape, dtype=np.dtype(np.uint8))


def _pad_columns(values: NDArray[np.float32], n_columns: int, *, fill: float) -> NDArray[np.float32]:
    return np.pad(values, ((0, 0), (0, n_columns - values.shape[1])), constant_values=fill)


def _per_site(correlation: NDArray[np.float32]) -> tuple[float | None, ...]:
    return tuple(round(float(r), 4) if np.isfinite(r) else None for r in correlation)
