"""`closedloop amend` and `closedloop withdraw`: other numbers for days to come, and back, noted with the reason."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.amended.words import in_words
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.study import StudyPaths
from closedloop.plain_text.printed import command_line
from closedloop.storage import resolved
from closedloop.study.amending.protocol import amend, amended_line, not_compared, planned_anew
from closedloop.study.amending.withdraw import withdraw
from closedloop.study.loop import read_identity


def amend_protocol(study: Path, *, from_day: int, file: Path, by: str | None, why: str) -> list[str]:
    """Note what differs from a day on.

    Parameters
    ----------
    study
        Study folder.
    from_day
        The first day that differs.
    file
        YAML with the protocol's keys that differ.
    by
        Who decides; None: the name of the account.
    why
        The reason.

    Returns
    -------
    list of str
        What was done, and what to mind of it, a line each.

    Raises
    ------
    ClosedLoopError
        It may not differ, is impossible, or comes too late.
    """
    paths = StudyPaths(resolved(study))
    document, protocol = read_identity(paths)
    line = amend(paths, document, protocol, from_day=from_day, file=file, by=by, why=why)
    lines = read_amendments(paths.amendments)
    number = lines.index(line) + 1
    back = command_line("closedloop", "withdraw", paths.root, str(number))
    said = f"{amended_line(paths, line, number=number)} `{back} --why TEXT` takes it back."
    return [said, *filter(None, [not_compared(protocol, lines, line)])]


def withdraw_line(study: Path, *, number: int, by: str | None, why: str) -> str:
    """Take an amendment back.

    Parameters
    ----------
    study
        Study folder.
    number
        Of the line, as `closedloop history` shows it.
    by
        Who decides; None: the name of the account.
    why
        The reason.

    Returns
    -------
    str
        What was done, in a line.

    Raises
    ------
    ClosedLoopError
        There is no such line, or something recorded depends on it.
    """
    paths = StudyPaths(resolved(study))
    document, protocol = read_identity(paths)
    line = withdraw(paths, document, protocol, number=number, by=by, why=why)
    keys = line.subject if line.kind == "amend_protocol" else ("images",)
    anew = planned_anew(paths, line.day or 0, keys, remedy="decide it again")
    return f"Taken back: {in_words(line)}. Noted in {paths.amendments}.{anew}"
