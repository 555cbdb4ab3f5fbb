"""`closedloop replay`: past days made again by today's code, or with other settings, beside what is published."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import typer
from rich.console import Console

from closedloop.artifacts.records.replay import (
    NOT_COMPARED,
    Replay,
    ReplayedStage,
    ReplayedValues,
    WhatIfCell,
    WhatIfRow,
)
from closedloop.artifacts.study import StudyPaths
from closedloop.commands.console import ConsoleReporter
from closedloop.commands.days import count, refuse_other_days
from closedloop.commands.interrupts import interruptible
from closedloop.detection.definitions import definition_by_name
from closedloop.errors import OptionError
from closedloop.execution.found import find_workers
from closedloop.plain_text.printed import command_line, number_text, printed
from closedloop.plain_text.suggestions import one_of
from closedloop.storage import resolved
from closedloop.storage.places import refuse_no_folder
from closedloop.study.loop import read_identity
from closedloop.study.replay.run import AFTER, BEFORE, REPLAY_PAGE, ReplayRequest, replay_days
from closedloop.study.replay.settings import WhatIf, by_detection, read_settings, without_exclusions

DIFFERS = 5
"""Exit code where something differs from what is published."""

_MOST_OF_FILE = 2  # lines: the rest is on the page
_WIDE = 240


def replay(
    study: Path,
    *,
    out: Path,
    days: Sequence[int],
    stages: Sequence[str],
    settings: Sequence[str],
    detections: Sequence[str],
    nothing_excluded: bool,
    workers: str | None,
    as_json: bool,
) -> None:
    """Make days again and print what differs, or what other settings give.

    Parameters
    ----------
    study
        Study folder.
    out
        Where to make them.
    days
        Which; none for all that were evaluated.
    stages
        Which stages; none for those after the session.
    settings, detections
        Other settings, each a column of the table.
    nothing_excluded
        Whether one more column is to count what people left out.
    workers
        Where attacks are computed, as ``--workers`` takes it.
    as_json
        Whether JSON is printed, and what goes on on standard error.

    Raises
    ------
    ClosedLoopError
        Something that the user can repair.
    typer.Exit
        Something differs: code 5; or interrupted: code 130.
    """
    refuse_no_folder(out)
    if stages and (settings or detections or nothing_excluded):
        raise OptionError(
            "--stage: expected it without other settings, found both: these say what is made. Leave it out."
        )
    who = None if workers is None else find_workers(workers)
    paths = StudyPaths(resolved(study))
    _, protocol = read_identity(paths)
    for day in days:
        refuse_other_days(protocol, day)
    what_ifs: list[WhatIf] = [read_settings(text, protocol) for text in settings]
    for name in detections:
        definition_by_name(name)
        what_ifs.append(by_detection(name, protocol))
    if nothing_excluded:
        what_ifs.append(without_exclusions(protocol))
    asked = ReplayRequest(
        study=paths,
        out=resolved(out),
        days=tuple(sorted(set(days))),
        stages=tuple(one_of((*BEFORE, *AFTER), one, option="--stage") for one in stages) or AFTER,
        what_ifs=tuple(what_ifs),
        command=command_line(
            "closedloop",
            "replay",
            study,
            *_options(out, days, stages, settings, detections),
            *(["--nothing-excluded"] if nothing_excluded else []),
        ),
    )
    console = Console(stderr=as_json)
    if not console.is_terminal:
        console = Console(stderr=as_json, width=_WIDE)
    reporter = ConsoleReporter(console, n_days=protocol.days)
    stopped = "Stopped. Run the same command again to go on; the study is as it was."
    with interruptible(stopped), reporter.shown():
        found = replay_days(asked, reporter, workers=who)
    typer.echo(found.model_dump_json(indent=2) if as_json else printed(replay_lines(found, asked.out)))
    if not found.is_same:
        raise typer.Exit(DIFFERS)


def _options(
    out: Path, days: Sequence[int], stages: Sequence[str], settings: Sequence[str], detections: Sequence[str]
) -> Iterator[str | Path]:
    yield from ("--out", out)
    for name, values in (("--day", days), ("--stage", stages), ("--set", settings), ("--detection", detections)):
        for value in values:
            yield from (name, str(value))


def replay_lines(found: Replay, out: Path) -> Iterator[str]:
    """Yield what a terminal is told of a replay.

    Parameters
    ----------
    found
        What was found.
    out
        Where it lies.
    """
    for file in found.changed:
        yield f"{file.path}: not what its manifest promises ({file.found})"
    if found.columns:
        yield from _table(found)
    for stage in found.replayed:
        if not stage.is_same:
            yield from _stage_lines(stage)
    others = sum(len(stage.same_numbers) for stage in found.replayed)
    if others:
        yield f"{count(others, 'file')} of other bytes that hold the same values."
    if not found.columns:
        n_days, n_stages = count(len(found.days), "day"), count(len(found.replayed), "stage")
        n_other = sum(not stage.is_same for stage in found.replayed)
        if found.is_same:
            yield f"Nothing differs: {n_stages} of {n_days}, made again by closedloop {found.code_version}."
        else:
            yield f"{n_other} of {n_stages} of {n_days} differ; made again by closedloop {found.code_version}."
    yield NOT_COMPARED
    yield f"Open {out / REPLAY_PAGE}"


def _stage_lines(stage: ReplayedStage) -> Iterator[str]:
    name = f"{stage.session.folder_name} {stage.stage}"
    for file in stage.edited:
        yield f"{name}: {file} is not what its manifest promises"
    if stage.refused:
        yield f"{name}: not made: {stage.refused}"
        return
    if not stage.differences:
        return
    more = f" and {len(stage.follows_from) - 1} more" if len(stage.follows_from) > 1 else ""
    why = f"follows from {stage.follows_from[0]}{more}" if stage.follows_from else "from the same files"
    by = f", published by closedloop {stage.published_by}" if not stage.follows_from else ""
    yield f"{name}: {why}{by}"
    by_file = [[one for one in stage.differences if one.file == file] for file in _files(stage)]
    for own in by_file:
        yield from (f"  {_difference(one)}" for one in own[:_MOST_OF_FILE])
        if len(own) > _MOST_OF_FILE:
            yield f"  {own[0].file}: {len(own) - _MOST_OF_FILE} more"


def _files(stage: ReplayedStage) -> list[str]:
    return list(dict.fromkeys(one.file for one in stage.differences))


def _difference(one: ReplayedValues) -> str:
    place = f"{one.file} {one.place}" if one.place else one.file
    sizes = ""
    if one.largest_absolute is not None and one.largest_relative is not None:
        sizes = f", by at most {one.largest_absolute:.3g} ({100 * one.largest_relative:.3g} %)"
    return f"{place}: {one.n_different:,} of {one.n_compared:,}{sizes}; {one.example}"


def _table(found: Replay) -> Iterator[str]:
    """Return the numbers of each day, a line a measure, a column a set of settings."""
    names = ["published", *(f"[{number}]" for number, _ in enumerate(found.columns, start=1))]
    for number, column in enumerate(found.columns, start=1):
        yield f"[{number}] {column.name}  ({', '.join(column.stages)}; in {column.folder})"
    for day in found.days:
        rows = [row for row in found.rows if row.day == day]
        lines = [[_named(row), _cell(row.published), *map(_cell, row.cells)] for row in rows]
        lines.insert(0, [f"day {day}", *names])
        widths = [max(len(line[place]) for line in lines) for place in range(len(names) + 1)]
        for line in lines:
            first, *rest = (word.rjust(width) for word, width in zip(line, widths, strict=True))
            yield "  ".join([first.strip().ljust(widths[0]), *rest]).rstrip()
    for refusal in found.refusals:
        yield f"day {refusal.day}, {refusal.column}: not made: {refusal.why}"


def _named(row: WhatIfRow) -> str:
    return f"{row.measure}, {row.unit}" if row.unit else row.measure


def _cell(cell: WhatIfCell) -> str:
    if cell.value is None:
        return "-"
    if cell.standard_error is not None:
        return f"{cell.value:.3f}±{cell.standard_error:.3f}"
    return number_text(cell.value) if float(cell.value).is_integer() else f"{cell.value:.3f}"
