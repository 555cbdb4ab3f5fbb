"""`closedloop withdraw`: a line of the amendments is taken back, as long as nothing recorded depends on it."""

from __future__ import annotations

from typing import Final

from closedloop.artifacts.amended.protocols import PROTOCOL_SHA256, hashes_by_day
from closedloop.artifacts.amended.standing import withdrawals
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import StudyError
from closedloop.plain_text.printed import command_line, quoted
from closedloop.study.amending.decide import Decision, as_line, decide
from closedloop.study.amending.protocol import refuse_begun
from closedloop.study.amending.ways_back import way_back
from closedloop.study.foresight.days import ForeseesDays, refuse_impossible_days

TAKEN_BACK: Final = ("amend_protocol", "add_images")
"""Kinds that `closedloop withdraw` takes back."""


def withdraw(
    paths: StudyPaths,
    study: StudyDocument,
    protocol: Protocol,
    *,
    number: int,
    by: str | None,
    why: str,
    foresee: ForeseesDays = refuse_impossible_days,
) -> Amendment:
    """Take a line back: the study is then what it is without it.

    Parameters
    ----------
    paths, study, protocol
        The study, with the protocol of protocol.yaml.
    number
        Of the line, from 1, as `closedloop history` shows it.
    by
        Who decides; None: the name of the account.
    why
        The reason.
    foresee
        Refuses what a day to come would end in; another one in tests.

    Returns
    -------
    Amendment
        The line that was taken back.

    Raises
    ------
    StudyError
        There is no such line, it cannot be taken back, or something recorded depends on it.
    ProtocolError
        Without it a later amendment is impossible.
    OptionError
        No reason is given, or a name that cannot be printed.
    """
    taken: list[Amendment] = []

    def decision(amendments: tuple[Amendment, ...]) -> Decision:
        line = _line_of(paths, amendments, number)
        taken.append(line)
        first = line.day or 0
        amend = f"closedloop amend {quoted(paths.root)} FILE --from-day {{next}} --why TEXT"
        refuse_begun(paths, protocol, first=first, remedy=f"Amend the days to come by `{amend}`")
        before, after = (_values(side) for side in (line.after, line.before))
        made = Decision("withdraw", line.day, (str(number), line.kind), before, after)
        lines = (*amendments, as_line(made, study))
        place = f"{paths.amendments}, without line {number}"
        foresee(paths, study, protocol, lines, first=first, place=place)
        return Decision(made.kind, made.day, made.subject, before, after | hashes_by_day(protocol, lines))

    decide(paths, study, by=by, why=why, decision=decision)
    return taken[-1]


def _values(side: dict[str, str]) -> dict[str, str]:
    """Return what a line says, without the hashes of protocols."""
    return {name: value for name, value in side.items() if not name.startswith(PROTOCOL_SHA256)}


def _line_of(paths: StudyPaths, amendments: tuple[Amendment, ...], number: int) -> Amendment:
    """Return the line that is to be taken back."""
    history = command_line("closedloop", "history", paths.root)
    if not 1 <= number <= len(amendments):
        raise StudyError(
            f"{paths.amendments}: expected a line from 1 to {len(amendments)}, found {number}. `{history}` shows them."
        )
    line = amendments[number - 1]
    if gone := withdrawals(amendments).get(number):
        raise StudyError(
            f"{paths.amendments}, line {number}: expected a line in force, found that {gone.who} took it back on "
            f"{gone.utc[:10]}. Nothing is left to do."
        )
    if line.kind not in TAKEN_BACK:
        raise StudyError(
            f"{paths.amendments}, line {number}: expected one of {', '.join(TAKEN_BACK)}, found {line.kind}. "
            f"{way_back(paths.root, line)}."
        )
    return line
