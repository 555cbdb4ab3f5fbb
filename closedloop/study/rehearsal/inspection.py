"""What of a rehearsed day was tried, what was not, and what is wrong: a line each."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.catalog import SESSION
from closedloop.artifacts.gates.report import CHECKPOINTS, GateFinding, GateReport, gate_report_path
from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.rehearsal import RehearsalResult, RehearsedPart
from closedloop.artifacts.rig.description import RigDocument
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.simulation.cortex.network import CORTEX_SIDE_PX
from closedloop.study.foresight.budget import day_budget
from closedloop.study.rehearsal.copying import n_arrays_of
from closedloop.study.rehearsal.present import RehearsalDisplay, RigFinding, check_rig
from closedloop.study.verification.study import verify_study

_GB = 1e9
_OF_FOLDER = frozenset({"seal", "session", "images", "held", "out", "journal", "other-rigs", "disk", "same-rig"})
"""Rows of `rig check` on the session folder and where its journal goes: the copy's own."""

_OF_DESCRIPTION = frozenset({"rig", "timing", "layout", "duration", "pixel-size", "distance", "photodiode"})
"""Rows that rig.yaml and the session alone decide: what they find here they find at the rig."""

_OF_SIZE = frozenset({"hours", "disk"})  # gates on how much there is to do, of which a rehearsal does less


@dataclass(frozen=True)
class ClosedRehearsal:
    """A rehearsal whose days are closed.

    Attributes
    ----------
    paths, copy
        The study, and the copy.
    study, protocol
        The study's.
    rehearsed
        The copy's protocol.
    rig_file, rig
        The rig's description; None where there was none.
    is_cut
        Whether fewer images were shown than the study will.
    """

    paths: StudyPaths
    copy: StudyPaths
    study: StudyDocument
    protocol: Protocol
    rehearsed: Protocol
    rig_file: Path | None
    rig: RigDocument | None
    display: RehearsalDisplay
    is_cut: bool


def inspect(done: ClosedRehearsal) -> tuple[RehearsedPart, ...]:
    """Return what was tried, and what not, in the order of a day."""
    return (*_before(done), *_of_rig(done), *_recorder(done), *_of_gates(done), *_afterwards(done))


def _part(part: str, result: RehearsalResult, said: str) -> RehearsedPart:
    return RehearsedPart(part=part, result=result, said=said)


def _before(done: ClosedRehearsal) -> Iterator[RehearsedPart]:
    study, rehearsed = done.study, done.rehearsed
    pool = study.pool.folder or "computed images"
    yield _part("images", "tried", f"{pool}: those that were drawn are the bytes that were listed")
    layer, side_px = rehearsed.base_model.layer, rehearsed.images.side_px
    yield _part("base model", "tried", f"{study.base_model}, read out at {layer}, images of {side_px} px")
    if done.paths.imported.is_dir():
        yield _part("imported responses", "not tried", "the copy has none: its first model is another than the study's")
    seen = f", which sees images averaged to {CORTEX_SIDE_PX} px" if side_px != CORTEX_SIDE_PX else ""
    yield _part("animal", "not tried", f"a script looked, and a simulated cortex answered{seen}")


def _of_rig(done: ClosedRehearsal) -> Iterator[RehearsedPart]:
    screen = done.protocol.presentation
    shown = (
        f"{screen.screen_width_px} x {screen.screen_height_px} px at {screen.refresh_hz:g} Hz, "
        f"{'in real time' if done.display == 'psychopy' else 'on a virtual clock'}"
    )
    if done.display == "psychopy":
        yield _part("screen", "tried", f"{shown}, by rig present")
    else:
        yield _part("screen", "not tried", f"rig present ran {shown}; --display psychopy shows it")
    if done.rig_file is None:
        yield _part("rig", "not tried", "no description was given; --rig FILE tries one (`rig init rig.yaml`)")
        return
    session = SESSION.published(done.copy, 0).parent
    found = check_rig(session, done.rig_file, display=done.display, out=done.copy.root / ".rig-check")
    passed = [one.name for one in found if one.status == "PASS" and one.name not in _OF_FOLDER]
    yield _part("rig.yaml", "tried", f"{done.rig_file}: {', '.join(passed)} agree with the session")
    for one in found:
        if one.status != "PASS" and one.name != "same-rig":
            yield _part(one.name, _result_of(one), f"{one.found}. {one.fix}".removesuffix(" "))


def _result_of(found: RigFinding) -> RehearsalResult:
    """Return what a line of `rig check` means here: a device that is not here says nothing of the rig."""
    if found.name in _OF_DESCRIPTION or (found.name in _OF_FOLDER and found.status == "FAIL"):
        return "wrong"
    return "not tried"


def _recorder(done: ClosedRehearsal) -> Iterator[RehearsedPart]:
    study = done.study
    if study.recorder is not None:
        names = ", ".join(device.format or device.files for device in study.recorder.devices)
        yield _part(
            "recorder",
            "not tried",
            f"another maker's files ({names}): the simulated array writes Blackrock's. Have a minute of yours read by "
            "`closedloop recording info FOLDER --recorder FILE`.",
        )
    else:
        names = ", ".join(sorted(read_manifest(done.copy.folder("recording", 0)).outputs))
        yield _part("file names", "tried", f"{names}: taken over as this study's")
    n_more = n_arrays_of(study) - done.rehearsed.simulation.n_processors
    if n_more > 0:
        yield _part("arrays", "not tried", f"{n_more} more than the simulated recorder has processors")


def _of_gates(done: ClosedRehearsal) -> Iterator[RehearsedPart]:
    findings = list(_gate_findings(done))
    n_passed = sum(one.level == "PASS" for _, one in findings)
    yield _part("gates", "tried", f"{n_passed} of {len(findings)} pass")
    for day, one in findings:
        if one.level != "PASS":
            few = " (of a cut day: judge it on a whole one)" if done.is_cut else ""
            result: RehearsalResult = "tried" if done.is_cut or one.level == "WARN" else "wrong"
            said = f"day {day}, {one.level}: expected {one.expected}, found {one.found}{few}"
            yield _part(f"gate {one.gate}", result, said)


def _gate_findings(done: ClosedRehearsal) -> Iterator[tuple[int, GateFinding]]:
    for day in range(done.rehearsed.days):
        for checkpoint in CHECKPOINTS:
            path = gate_report_path(done.copy, day, checkpoint)
            if path.is_file():
                found = GateReport.read(path).findings
                yield from ((day, one) for one in found if one.gate not in _OF_SIZE)


def _afterwards(done: ClosedRehearsal) -> Iterator[RehearsedPart]:
    yield from _verified(done)
    budget = day_budget(done.protocol, n_arrays=n_arrays_of(done.study), nsx=done.study.nsx)
    wanted = budget.n_days * (budget.recording_bytes + budget.images_bytes)
    free = shutil.disk_usage(done.paths.root).free
    said = f"{free / _GB:,.1f} GB free at {done.paths.root}, about {wanted / _GB:,.1f} GB wanted by all days"
    if free < wanted:
        yield _part("disk", "wrong", f"{said}. Make room, or move the study.")
    else:
        yield _part("disk", "tried", said)


def _verified(done: ClosedRehearsal) -> Iterator[RehearsedPart]:
    verified = verify_study(done.copy)
    if not verified.faults:
        yield _part("verify", "tried", f"{verified.n_files:,} files of the copy are what was written")
    for fault in verified.faults:
        yield _part("verify", "wrong", fault.message)


def folders_of(copy: StudyPaths, stages: Sequence[str], *, days: int) -> Iterator[tuple[int, str, float]]:
    """Yield day, stage and seconds of what a rehearsal made; of a day of rounds those of all of them together.

    Parameters
    ----------
    copy
        The copy.
    stages
        In the order of a day.
    days
        That were rehearsed.
    """
    for day in range(days):
        for stage in stages:
            folders = [copy.at(one).folder(stage, day) for one in copy.sequence.of_day(day)]
            made = [read_manifest(folder).seconds for folder in folders if (folder / MANIFEST_NAME).is_file()]
            if made:
                yield day, stage, sum(made)
