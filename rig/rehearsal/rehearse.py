"""Rehearses a session: the rig as it is, with a scripted monkey in the place of the animal.

The session is shown as one that is simulated, whatever it is; its journal says that it is a rehearsal, and is adopted
by no study.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from closedloop.artifacts import catalog
from closedloop.artifacts.day.journal import SessionSummary, read_journal
from closedloop.artifacts.day.session import ScriptedMonkey, SessionDocument
from closedloop.errors import SessionError
from closedloop.storage import write_bytes
from rig.apparatus import Launch
from rig.check.findings import Finding
from rig.display.display import DisplayFacts
from rig.launch import present_session
from rig.machine.apparatus import Apparatus
from rig.machine.state import SessionState
from rig.rehearsal.report import Rehearsed, Verdict, closing_line, judge, timing_report
from rig.rehearsal.timing import TimingRecord
from rig.session.folder import open_session
from rig.stop import TIME_IS_OVER, StopRequest

REPORT_NAME = "rehearsal.html"
_IGNORES, _LEAVES = 0.1, 0.2  # how often MWorks' monkey does, and ours in simulated sessions


@dataclass(frozen=True)
class RehearsalDone:
    """A rehearsal that ended.

    Attributes
    ----------
    summary
        The session in numbers.
    report, verdicts
        Where the timing report is, and what it says.
    is_cut
        Whether it ended because its minutes were over.
    """

    summary: SessionSummary
    report: Path
    verdicts: tuple[Verdict, ...]
    is_cut: bool


def rehearse(
    launch: Launch,
    *,
    minutes: float,
    stop: StopRequest,
    on_trial: Callable[[SessionState, float], None],
    on_findings: Callable[[Sequence[Finding]], None],
) -> RehearsalDone:
    """Show a session to nobody, and write the report.

    Parameters
    ----------
    launch
        As for a session; its folder for the journal is a new one.
    minutes
        After which it ends.
    stop
        Where a stop is asked for.
    on_trial
        Called after each trial with the state and the time, seconds of the rig's clock.
    on_findings
        Called with what the checks found, when nothing of it stands against the session.

    Raises
    ------
    ClosedLoopError
        The folder, the display, the hardware or the disk is not fit.
    """
    if (launch.out / catalog.JOURNAL.name).exists():
        raise SessionError(
            f"{launch.out}: expected a new folder for a rehearsal, found one with a journal. Choose another --out."
        )
    session = open_session(launch.session)
    session = replace(session, document=as_rehearsed(session.document))
    record, is_cut = TimingRecord(), False
    facts: list[DisplayFacts] = []

    def end(elapsed_s: float) -> None:
        nonlocal is_cut
        if elapsed_s >= 60.0 * minutes and not stop.requested:
            is_cut = True
            stop.ask(TIME_IS_OVER)

    def watch(apparatus: Apparatus) -> Apparatus:
        facts.append(apparatus.display.facts)
        codes = record.watch_codes(apparatus.codes, apparatus.display.now_s)
        return replace(apparatus, display=record.watch_display(apparatus.display, end=end), codes=codes)

    rehearsed_launch = replace(launch, gaze="scripted", is_rehearsal=True)
    summary, _ = present_session(
        session, rehearsed_launch, stop=stop, on_trial=on_trial, on_findings=on_findings, watch=watch
    )
    report = launch.out / REPORT_NAME
    journal = read_journal(launch.out / catalog.JOURNAL.name)
    rehearsed = Rehearsed(session.document, journal, record, facts[0])
    write_bytes(report, timing_report(rehearsed).encode())
    return RehearsalDone(summary, report, tuple(judge(rehearsed)), is_cut)


def result_lines(done: RehearsalDone, numbers: str) -> Iterator[str]:
    """Yield what a terminal says of it: its numbers, what is not good, what it comes to, and where to read more."""
    yield f"REHEARSAL of {numbers.replace(': stopped:', ': its time is over:', 1) if done.is_cut else numbers}"
    for verdict in done.verdicts:
        if verdict.status != "PASS":
            yield f"{verdict.status}  {verdict.words} {verdict.remedy}".rstrip()
    yield closing_line(done.verdicts)
    yield f"Timing report: {done.report}"


def as_rehearsed(document: SessionDocument) -> SessionDocument:
    """Return a session as a simulated one, with a scripted monkey where it has none."""
    monkey = document.monkey or ScriptedMonkey(
        seed=document.seed, ignore_probability=_IGNORES, leave_early_probability=_LEAVES
    )
    return document.model_copy(update={"simulated": True, "monkey": monkey})


def free_folder(session: Path) -> Path:
    """Return a folder beside the session that holds no rehearsal yet."""
    names = itertools.chain(["rehearsal"], (f"rehearsal-{number}" for number in itertools.count(2)))
    beside = session.resolve().parent
    return next(beside / name for name in names if not (beside / name).exists())
