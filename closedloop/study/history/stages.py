"""What the stages of a study did, and when: the ledger has the time of each, the folders what is there now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

from closedloop.artifacts.catalog import DAY_PLAN, EVALUATION, FIT, QUALITY, STUDY_INPUTS, SUMMARY
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.records import sequence
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import STAGES, START, StudyDocument, StudyPaths
from closedloop.errors import ClosedLoopError
from closedloop.study.database.events import StageEvent, read_events
from closedloop.study.history.entry import StoryEntry, StoryKind
from closedloop.study.ledger import stage_of_key

MOST_EVENTS: Final = 20_000  # of a ledger: a study of six days has some hundred
_DONE: Final = {
    START: "model 0 and the first images were made",
    "plan": "was planned",
    "synthesize": "attacks were made",
    "schedule": "session was ready to be shown",
    "present": "session was taken over",
    "recording": "recording was taken over",
    "ingest": "was ingested",
    "refit": "model was fitted",
    "evaluate": "was evaluated",
    "queue": "images for the next day were drawn",
}


def stage_entries(paths: StudyPaths) -> tuple[list[StoryEntry], list[str]]:
    """Return what the stages did, and what could not be read, a line each.

    Parameters
    ----------
    paths
        The study.
    """
    faults: list[str] = []
    events: Sequence[StageEvent] = ()
    if paths.ledger.exists():
        try:
            events = read_events(paths.ledger, most=MOST_EVENTS)
        except (ClosedLoopError, OSError) as error:
            faults.append(str(error))
    entries = list(_of_events(paths, events, faults))
    known = {_place(event) for event in events if event.event == "done"}
    for stage, block, folder in _published(paths):
        if (block, stage) not in known:  # a ledger that was lost: the folder itself says when
            when = _utc((folder / MANIFEST_NAME).stat().st_mtime)
            numbers = _numbers(paths, stage, block, faults)
            entries.append(StoryEntry(when, "stage", block.day, _DONE[stage], details=numbers, block=block.number))
    return entries, faults


def made_entry(paths: StudyPaths, study: StudyDocument) -> StoryEntry:
    """Return the study's beginning.

    Parameters
    ----------
    paths, study
        The study.
    """
    kind = "a simulated animal" if study.simulated else "an animal"
    details = [f"closedloop {study.code_version}, base model {study.base_model}"]
    if study.pool.folder:
        details.append(f"images of {study.pool.folder}")
    if (paths.inputs / STUDY_INPUTS.name).is_file():
        try:
            recorded = STUDY_INPUTS.read(STUDY_INPUTS.published(paths, 0))
        except ClosedLoopError:
            recorded = None
        if recorded and recorded.n_images:
            details.append(f"{recorded.n_images:,} images listed")
    what = f"study of {study.subject}, {kind}, was made by protocol {study.protocol_name}"
    return StoryEntry(_utc(paths.study.stat().st_mtime), "made", None, what, details=tuple(details))


def _of_events(paths: StudyPaths, events: Sequence[StageEvent], faults: list[str]) -> Iterator[StoryEntry]:
    last = {_place(event): event.number for event in events if event.event == "done"}
    seen: set[tuple[Block | None, str]] = set()
    for event in events:
        block, stage = place = _place(event)
        day, number = (None, 1) if block is None else block
        if event.event == "done" and stage in _DONE and block is not None:
            what = _DONE[stage] + (" again" if place in seen else "")
            details = _numbers(paths, stage, block, faults) if last[place] == event.number else ()
            seen.add(place)
            yield StoryEntry(_utc(event.time), "stage", day, what, details=details, block=number)
        elif event.event in ("stale", "failed"):
            what = "no longer follows from its inputs" if event.event == "stale" else "failed"
            kind: StoryKind = "stale" if event.event == "stale" else "failed"
            yield StoryEntry(_utc(event.time), kind, day, f"{stage} {what}", why=event.detail, block=number)


def _place(event: StageEvent) -> tuple[Block | None, str]:
    """Return the session and the stage that an event is of."""
    stage, number = stage_of_key(event.stage)
    return None if event.day is None else Block(event.day, number), stage


def _numbers(paths: StudyPaths, stage: str, block: Block, faults: list[str]) -> tuple[str, ...]:
    """Return what a stage's own document says of it, as it is now."""
    try:
        return tuple(_numbers_of(paths.at(block), stage, block.day))
    except (ClosedLoopError, OSError) as error:
        faults.append(str(error))
        return ()


def _numbers_of(paths: StudyPaths, stage: str, day: int) -> Iterator[str]:
    if stage == "plan" and (place := DAY_PLAN.published(paths, day)).is_file():
        plan = DAY_PLAN.read(place)
        probes = f", {plan.n_probes:,} probes" if plan.n_probes else ""
        probes += f", {plan.n_population:,} to mislead a decoder or beside it" if plan.n_population else ""
        repeated = f", {plan.n_repeated:,} attacked for a few sites" if plan.n_repeated else ""
        repeated += f", {plan.n_plane:,} of planes" if plan.n_plane else ""
        repeated += f", {plan.n_objective:,} of objectives" if plan.n_objective else ""
        repeated += f", {plan.n_arms:,} by arms" if plan.n_arms else ""
        repeated += f", {plan.n_evolving:,} evolving" if plan.n_evolving else ""
        raised = f", {plan.n_raised:,} for category preference" if plan.n_raised else ""
        budget = plan.budget
        attacked = f"{plan.n_attacked:,} attacked{repeated}{raised}{probes}"
        yield f"{budget.n_presentations:,} presentations, {budget.hours:.2f} h; {attacked}"
    elif stage == "present" and (place := SUMMARY.published(paths, day)).is_file():
        shown = SUMMARY.read(place)
        by = f" by {shown.stopped_by}" if shown.stopped_by else ""
        yield f"{shown.n_accepted:,} presentations accepted, {shown.duration_s / 3600:.2f} h, {shown.outcome}{by}"
    elif stage == "ingest" and (place := QUALITY.published(paths, day)).is_file():
        quality = QUALITY.read(place)
        yield f"{quality.n_used:,} of {quality.n_presented:,} presentations used"
    elif stage == "refit" and (place := FIT.published(paths, day)).is_file():
        fit = FIT.read(place)
        known = [r for r in fit.r_heldout if r is not None]
        members = f" by {len(fit.members)} members" if fit.members else ""
        r = f"; r {median(known):.2f} on held-out clean images (median over sites)" if known else ""
        imported = f", {fit.n_imported:,} of them imported" if fit.n_imported else ""
        fitted = (
            f"{fit.n_stimuli:,} images fitted{imported}{members}"
            if fit.n_stimuli
            else "not refitted: handed on as it was"
        )
        yield f"{fitted}{r}"
    elif stage == "evaluate" and (place := EVALUATION.published(paths, day)).is_file():
        EVALUATION.read(place)


def _published(paths: StudyPaths) -> Iterator[tuple[str, Block, Path]]:
    folders = [
        (START, sequence.START, paths.start),
        *((name, block, paths.at(block).folder(name, block.day)) for block in paths.found() for name in STAGES),
    ]
    yield from (one for one in folders if (one[2] / MANIFEST_NAME).is_file())


def _utc(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return ""
