"""The one way in which a decision becomes a line: checked against the lines that are there, who and why with it.

A loop or the service may be at work meanwhile. What is under way ends with what it began with; the loop reads the
amendments afresh at each step, and begins anew with the days where there is a line more.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable
from dataclasses import dataclass, field

from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.amendments import Amendment, Kind, append_decided, utc_now
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import OptionError
from closedloop.plain_text.printed import check_given_name, check_given_text


@dataclass(frozen=True)
class Decision:
    """What is decided; see `records.amendments.Amendment`.

    Attributes
    ----------
    day
        The recording day it is about, or from which on it counts; None for the whole study.
    subject
        Names that the kind knows.
    before, after
        What stood before and what stands now, by name.
    block
        Which of the day's sessions.
    """

    kind: Kind
    day: int | None
    subject: tuple[str, ...] = ()
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    block: int = 1


def decide(
    paths: StudyPaths,
    study: StudyDocument,
    *,
    by: str | None,
    why: str,
    decision: Callable[[tuple[Amendment, ...]], Decision],
) -> Amendment:
    """Add a line to a study's amendments.

    Parameters
    ----------
    paths, study
        The study.
    by
        Who decides; None: the name of the account.
    why
        The reason.
    decision
        Given all lines that are there, returns what is decided, or raises what it is refused with. Nobody adds a line
        between its look and the new line.

    Raises
    ------
    OptionError
        No reason is given, or a name that cannot be printed; or what `decision` raises.
    """
    who, reason = who_decides(by), reason_given(why)

    def line(amendments: tuple[Amendment, ...]) -> Amendment:
        return as_line(decision(amendments), study, who=who, why=reason)

    return append_decided(paths.amendments, line)


def as_line(made: Decision, study: StudyDocument, *, who: str = "nobody", why: str = "to be looked at") -> Amendment:
    """Return a decision as a line.

    Parameters
    ----------
    made
        The decision.
    study
        Whose.
    who, why
        Who decides, and the reason; nobody, where it is only to be seen what would follow from it.
    """
    return Amendment(
        kind=made.kind,
        simulated=study.simulated,
        day=made.day,
        block=made.block,
        utc=utc_now(),
        who=who,
        why=why,
        subject=made.subject,
        before=made.before,
        after=made.after,
    )


def who_decides(by: str | None) -> str:
    """Return who decides, by the account's name unless stated.

    Raises
    ------
    OptionError
        The name cannot be printed.
    """
    if by is None:
        return getpass.getuser()
    check_given_name(by, option="--by", error=OptionError)
    return by


def refuse_other_day(protocol: Protocol, day: int, *, option: str = "--day") -> None:
    """Refuse a day that the protocol does not have.

    Parameters
    ----------
    protocol
        The study's.
    day
        From 0.
    option
        How it was given, for the message.

    Raises
    ------
    OptionError
        It has none of this number.
    """
    if day >= protocol.days:
        raise OptionError(f"{option}: expected a day from 0 to {protocol.days - 1}, found {day}. Correct it.")


def reason_given(why: str) -> str:
    """Return a reason without the blanks around it.

    Raises
    ------
    OptionError
        There is none, or one that cannot be printed.
    """
    if not why.strip():
        raise OptionError("--why: expected a reason, found none. Say in a few words why.")
    check_given_text(why, option="--why", error=OptionError)
    return why.strip()
