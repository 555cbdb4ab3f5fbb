"""A rehearsal on a terminal: how far it is, and in the end what was tried and what it comes to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console

from closedloop.artifacts.catalog import REPORT
from closedloop.artifacts.records.metadata import StudyMetadata
from closedloop.artifacts.records.rehearsal import Rehearsal, RehearsedPart, RehearsedStage
from closedloop.artifacts.rig.description import RigDocument, read_rig
from closedloop.artifacts.study import StudyPaths
from closedloop.commands.console import ConsoleReporter, say_on
from closedloop.commands.interrupts import interruptible
from closedloop.errors import StudyError
from closedloop.execution.found import find_workers
from closedloop.plain_text.printed import in_words, printed, quoted
from closedloop.storage import resolved
from closedloop.study.loop import read_identity, run_study
from closedloop.study.rehearsal.copying import copy_study
from closedloop.study.rehearsal.cut import ASKED, Cuts
from closedloop.study.rehearsal.inspection import ClosedRehearsal, inspect
from closedloop.study.rehearsal.outcome import stage_times, whole_day
from closedloop.study.rehearsal.present import RehearsalDisplay
from closedloop.study.rehearsal.table import rehearsal_table

_WIDE = 240


@dataclass(frozen=True)
class WantedRehearsal:
    """What is to be rehearsed, see the options of `closedloop rehearse`."""

    study: Path
    out: Path | None
    rig: Path | None
    display: RehearsalDisplay
    cuts: Cuts
    workers: str | None


def rehearse_study(wanted: WantedRehearsal, *, as_json: bool) -> Rehearsal:
    """Rehearse, tell how far it is, and print what came of it.

    Parameters
    ----------
    wanted
        What.
    as_json
        Whether machines read what is printed; progress is on standard error then.

    Raises
    ------
    ClosedLoopError
        Something that the user can repair; what was rehearsed before stands.
    typer.Exit
        Interrupted: code 130.
    """
    who = None if wanted.workers is None else find_workers(wanted.workers)
    console = Console(stderr=as_json)
    if not console.is_terminal:
        console = Console(stderr=as_json, width=_WIDE)
    paths = StudyPaths(resolved(wanted.study))
    study, protocol = read_identity(paths)
    rig_file, rig = _find_rig(paths, wanted.rig)
    out = resolved(wanted.out) if wanted.out else paths.root.with_name(f"{paths.root.name}-rehearsal")
    stopped = "Stopped. Run the same command again to go on with the rehearsal."
    with interruptible(stopped):
        copy = copy_study(paths, out, wanted.cuts)
        settings, (_, rehearsed) = Rehearsal.read(copy.rehearsal), read_identity(copy)
        for line in _opening(settings, paths, copy):
            say_on(console, line)
        reporter = ConsoleReporter(console, n_days=rehearsed.days)
        with reporter.shown():
            run_study(copy, reporter, workers=who, table=rehearsal_table(rig, wanted.display))
        is_cut = any(change.why == ASKED for change in settings.changes)
        done = ClosedRehearsal(paths, copy, study, protocol, rehearsed, rig_file, rig, wanted.display, is_cut)
        found = settings.model_copy(update={"parts": inspect(done), "stages": stage_times(copy, rehearsed, protocol)})
        found.write(copy.rehearsal)
    typer.echo(found.to_bytes().decode() if as_json else printed(_closing(found, copy)), nl=not as_json)
    return found


def _find_rig(paths: StudyPaths, given: Path | None) -> tuple[Path | None, RigDocument | None]:
    """Return the rig's description: the one that was given, else the one that the study was made with."""
    if given is None and paths.metadata.is_file():
        told = StudyMetadata.read(paths.metadata).rig
        if told is not None and not Path(told.file).is_file():
            raise StudyError(
                f"{told.file}: expected the rig's description that the study was made with, found none. Give another "
                "one by --rig, or restore it."
            )
        given = Path(told.file) if told is not None else None
    return (None, None) if given is None else (resolved(given), read_rig(resolved(given))[0])


def _opening(settings: Rehearsal, paths: StudyPaths, copy: StudyPaths) -> Iterator[str]:
    days = "1 day" if settings.days == 1 else f"{settings.days} days"
    yield f"closedloop: rehearsal of {paths.root}, {days}, in {copy.root}; all of it is marked as simulated"
    for change in settings.changes:
        yield f"  {change.key}: {change.after} in place of {change.before} ({change.why})"


def _closing(found: Rehearsal, copy: StudyPaths) -> Iterator[str]:
    yield ""
    yield "What was tried"
    yield from _rows([(one.result, one.part, one.said) for one in sorted(found.parts, key=_worst_last)])
    yield ""
    yield "How long it took, and at most about how long a whole day of the study takes"
    yield from _rows([_time_row(one) for one in found.stages])
    before, session, after = whole_day(found.stages)
    yield f"  A whole day: {in_words(before)} to prepare, {in_words(session)} of session, {in_words(after)} afterwards."
    yield ""
    yield f"Open {copy.report / REPORT.name}"
    yield _verdict(found.parts)
    yield f"The copy holds no data of an animal; it may be removed: {quoted(copy.root)}"


def _worst_last(part: RehearsedPart) -> int:
    return ("tried", "not tried", "wrong").index(part.result)


def _time_row(one: RehearsedStage) -> tuple[str, str, str]:
    whole = "as long as the session" if one.whole_day_seconds is None else in_words(one.whole_day_seconds)
    return f"day {one.day}", one.stage, f"{one.seconds:7.1f} s   {whole}"


def _rows(rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Yield rows with their first two cells under each other."""
    widths = [max((len(row[place]) for row in rows), default=0) for place in (0, 1)]
    for first, second, third in rows:
        yield f"  {first:<{widths[0]}}  {second:<{widths[1]}}  {third}"


def _verdict(parts: Sequence[RehearsedPart]) -> str:
    wrong = [one.part for one in parts if one.result == "wrong"]
    n_not = sum(one.result == "not tried" for one in parts)
    if wrong:
        are = "is" if len(wrong) == 1 else "are"
        return f"The day closed, and {len(wrong)} {are} wrong: {', '.join(wrong)}. {n_not} were not tried."
    return f"The day closed, and nothing was found wrong; {n_not} were not tried."
