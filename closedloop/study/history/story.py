"""A study's story, in the order of time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from closedloop.artifacts.amended.words import told
from closedloop.artifacts.gates.report import CHECKPOINTS, GateReport, gate_report_path
from closedloop.artifacts.records.amendments import read_whole_amendments
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import ClosedLoopError, StudyError
from closedloop.study.history.entry import StoryEntry
from closedloop.study.history.stages import made_entry, stage_entries
from closedloop.study.no_study import no_study_line


def read_story(paths: StudyPaths) -> tuple[tuple[StoryEntry, ...], tuple[str, ...]]:
    """Return what happened to a study, the first thing first, and what could not be read, a line each.

    Nothing is written or locked. Times are those of the ledger and of the amendments; of gates, those of their reports.

    Parameters
    ----------
    paths
        The study.

    Raises
    ------
    StudyError
        The folder is no study.
    DocumentError
        study.json is damaged.
    """
    if not paths.study.is_file():
        raise StudyError(no_study_line(paths.root))
    stages, faults = stage_entries(paths)
    amendments, fault = read_whole_amendments(paths.amendments)
    decided = [
        StoryEntry(
            _utc(one.line.utc),
            "decision",
            one.line.day,
            one.words,
            one.line.who,
            one.line.why,
            line=one.number,
            block=one.line.block,
        )
        for one in told(amendments)
    ]
    found, gate_faults = _gates(paths)
    made = made_entry(paths, StudyDocument.read(paths.study))
    entries = sorted([*stages, *decided, *found], key=lambda entry: entry.utc)
    began = min(filter(None, (made.utc, *(entry.utc for entry in entries))), default="")  # a copy has later times
    return (replace(made, utc=began), *entries), tuple(filter(None, (*faults, fault, *gate_faults)))


def _gates(paths: StudyPaths) -> tuple[list[StoryEntry], list[str]]:
    """Return what the gates held and warned of when they last looked; an approval is a decision."""
    entries: list[StoryEntry] = []
    faults: list[str] = []
    for block in paths.found():
        for checkpoint in CHECKPOINTS:
            place = gate_report_path(paths.at(block), block.day, checkpoint)
            if not place.is_file():
                continue
            try:
                report = GateReport.read(place)
            except ClosedLoopError as error:
                faults.append(str(error))
                continue
            when = datetime.fromtimestamp(place.stat().st_mtime, UTC).isoformat(timespec="seconds")
            for one in report.findings:
                if one.level != "PASS":
                    what = f"{checkpoint}, {one.gate.replace('_', ' ')}: {one.level}"
                    why = f"expected {one.expected.rstrip('.')}, found {one.found.rstrip('.')}"
                    entries.append(StoryEntry(when, "gate", block.day, what, why=why, block=block.number))
    return entries, faults


def _utc(text: str) -> str:
    """Return a time as all entries have it, so that text sorts as time does."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        return ""
