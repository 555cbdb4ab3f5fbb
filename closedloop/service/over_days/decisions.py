"""What happened to a study and what people decided about it, as entries in the order of time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from closedloop.artifacts.amended.protocols import PROTOCOL_SHA256
from closedloop.artifacts.amended.words import told
from closedloop.artifacts.gates.report import GateFinding, GateReport
from closedloop.artifacts.records.amendments import Amendment, read_whole_amendments
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import GATES_FOLDER, START, START_DAY, StudyPaths
from closedloop.plain_text.printed import capitalized
from closedloop.service.over_days.numbers import attempt
from closedloop.service.unchanged import file_state, while_unchanged
from closedloop.study.database.events import StageEvent, read_events

EntryKind = Literal["decision", "gate", "fault", "stale", "wait", "stage"]

MOST_EVENTS = 20_000  # of a ledger: a study of six days has some hundred

_SAID_BY_WORDS: Final = frozenset(
    {
        *("amend_protocol", "exclude", "include", "close_day", "reopen_day"),
        *("skip_day", "unskip_day", "add_block", "drop_block", "withdraw"),
    }
)
"""Kinds of which the words leave out nothing but hashes and how a line has it for programs."""

_FIRST_ATTEMPT = "attempt 1"  # as the ledger says it
_SHA256 = re.compile("[0-9a-f]{64}")
_SHOWN_OF_HASH = 12
_LONGEST = 200  # characters of a value that an amendment changed


@dataclass(frozen=True)
class Entry:
    """One thing that happened.

    Attributes
    ----------
    utc
        When, ISO 8601, to the second; empty where nobody knows.
    day
        The recording day; -1 for the study's start, None for the whole study.
    what
        In a few words.
    who
        A person, or the process (host:pid).
    why
        As it was given, or what was found.
    details
        What exactly, a line each.
    holds
        Whether a gate held the study for it.
    block
        Which of the day's sessions.
    """

    utc: str
    kind: EntryKind
    day: int | None
    what: str
    who: str
    why: str
    details: tuple[str, ...] = ()
    holds: bool = False
    block: int = 1

    @property
    def title(self) -> str:
        """What, as a heading."""
        return capitalized(self.what)

    @property
    def day_label(self) -> str:
        """The day's name; the study's where it is about no day."""
        if self.day is None or self.block == 1:
            return "the whole study" if self.day is None else day_name(self.day)
        return Block(self.day, self.block).said


def day_name(day: int) -> str:
    """Return a day's name."""
    return START if day == START_DAY else f"day {day}"


def read_entries(paths: StudyPaths) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """Return all entries, the latest first, and what could not be read, a line each."""
    decisions, fault = _decisions(paths.amendments)
    events, event_fault = _events(paths.ledger)
    found, gate_faults = _gates(paths)
    faults = (*filter(None, (fault, event_fault)), *gate_faults)
    entries = sorted((*decisions, *events, *found), key=lambda entry: entry.utc, reverse=True)
    return tuple(entries), faults


@while_unchanged()
def _decisions(path: Path) -> tuple[tuple[Entry, ...], str]:
    amendments, fault = read_whole_amendments(path)
    entries = tuple(_decision(one.line, one.words) for one in reversed(told(amendments)))
    if fault:
        fault = f"{fault} The {len(amendments)} lines before it are shown; what comes from it on is not vouched for."
    return entries, fault


def _decision(amendment: Amendment, words: str) -> Entry:
    names = [name for name in (*amendment.before, *amendment.after) if not name.startswith(PROTOCOL_SHA256)]
    others = [one for one in amendment.subject if one not in amendment.before and one not in amendment.after]
    return Entry(
        utc=_utc(amendment.utc),
        kind="decision",
        day=amendment.day,
        block=amendment.block,
        what=words,
        who=amendment.who,
        why=amendment.why,
        details=()
        if amendment.kind in _SAID_BY_WORDS
        else (
            *([", ".join(others)] if others else []),
            *(_changed(name, amendment) for name in dict.fromkeys(names)),
        ),
    )


def _changed(name: str, amendment: Amendment) -> str:
    before, after = (side.get(name) for side in (amendment.before, amendment.after))
    told = [_short(one) for one in (before, after) if one is not None]
    return f"{name}: {' → '.join(told)}" if before is not None and after is not None else f"{name}: {told[0]}"


def _short(text: str) -> str:
    if _SHA256.fullmatch(text):
        return f"{text[:_SHOWN_OF_HASH]} …"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def _utc(text: str) -> str:
    """Return a time as all entries have it, so that text sorts as time does."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        return ""


def _of_seconds(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return ""


def _with_log(ledger: Path) -> Iterable[Path]:
    return ledger, ledger.with_name(f"{ledger.name}-wal")


@while_unchanged(files=_with_log)
def _events(path: Path) -> tuple[tuple[Entry, ...], str]:
    if not path.exists():
        return (), ""
    events, fault = attempt(lambda: read_events(path, most=MOST_EVENTS))
    return tuple(_entries_of(events or ())), fault


def _entries_of(events: Iterable[StageEvent]) -> Iterator[Entry]:
    """Yield what ended, and how, the latest first; that a stage was begun is told with its end, if it has one."""
    begun: dict[tuple[int | None, str], StageEvent] = {}
    entries: list[Entry] = []
    for event in events:
        stage = event.day, event.stage
        if event.event == "begin":
            if stage in begun:  # the one before was killed: nobody was left to say so
                entries.append(_cut_short(begun[stage]))
            begun[stage] = event
        elif event.event != "protocol":
            entries.append(_ended(event, begun.pop(stage, None)))
    entries += [_begun(event) for event in begun.values()]
    yield from reversed(entries)


def _begun(event: StageEvent) -> Entry:
    return Entry(_of_seconds(event.time), "stage", event.day, f"{_stage(event)} begun", event.owner, event.detail)


def _cut_short(event: StageEvent) -> Entry:
    why = f"{event.detail}: it was begun, and neither ended nor failed: its process was stopped."
    return Entry(_of_seconds(event.time), "fault", event.day, f"{_stage(event)} cut short", event.owner, why)


def _ended(event: StageEvent, begun: StageEvent | None) -> Entry:
    kinds: dict[str, EntryKind] = {"failed": "fault", "stale": "stale", "waiting": "wait"}
    words = {"waiting": "waits for a person", "stale": "no longer follows from its inputs"}
    took = f" after {event.time - begun.time:.0f} s" if begun and event.event != "waiting" else ""
    attempt_of = begun.detail if begun and begun.detail != _FIRST_ATTEMPT else ""
    return Entry(
        utc=_of_seconds(event.time),
        kind=kinds.get(event.event, "stage"),
        day=event.day,
        what=f"{_stage(event)} {words.get(event.event, event.event)}{took}",
        who=event.owner,
        why=event.detail,
        details=(attempt_of,) if attempt_of else (),
    )


def _stage(event: StageEvent) -> str:
    stage, _, number = event.stage.partition(".")
    return START if event.day == START_DAY else f"{stage}, session {number}" if number else stage


def _gates(paths: StudyPaths) -> tuple[list[Entry], list[str]]:
    entries: list[Entry] = []
    faults: list[str] = []
    for file in sorted(paths.root.glob(f"day-[0-9]*/{GATES_FOLDER}/*.json")):
        found, fault = _findings(file)
        entries += found
        faults += [fault] if fault else []
    return entries, faults


@while_unchanged(most=256)
def _findings(path: Path) -> tuple[tuple[Entry, ...], str]:
    report, fault = attempt(lambda: GateReport.read(path))
    if report is None:
        return (), fault
    state = file_state(path)
    utc = _of_seconds(state[0] / 1e9) if state else ""  # the report itself says no time: it can be made again any time
    return tuple(_finding(report, one, utc) for one in report.findings if one.level != "PASS"), ""


def _finding(report: GateReport, finding: GateFinding, utc: str) -> Entry:
    return Entry(
        utc=utc,
        kind="gate",
        day=report.day,
        what=f"{finding.gate.replace('_', ' ')}: {finding.level}",
        who=f"gate, {report.checkpoint}",
        why=f"Expected {_bare(finding.expected)}; found {_bare(finding.found)}.",
        details=(finding.remedy,) if finding.remedy else (),
        holds=finding.level == "HOLD",
        block=report.block,
    )


def _bare(text: str) -> str:
    """Return a gate's words as part of a sentence."""
    return text.strip().removesuffix(".")
