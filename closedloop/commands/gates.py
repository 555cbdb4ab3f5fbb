"""`closedloop approve`, `hold` and `release`: a person's decision, noted with the reason."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.gates.held import PERSON
from closedloop.artifacts.study import StudyPaths
from closedloop.commands.days import refuse_other_blocks, refuse_other_days
from closedloop.errors import OptionError
from closedloop.plain_text.printed import command_line
from closedloop.storage import resolved
from closedloop.study.gates.decisions import approve, held_now, hold
from closedloop.study.gates.telling import held_lines
from closedloop.study.loop import read_identity
from closedloop.study.process.lock import waiter_of


def approve_gate(
    study: Path, *, gate: str, day: int | None, by: str | None, reason: str, block: int | None = None
) -> list[str]:
    """Append the amendment that lets a study go on despite a gate, or that ends a person's hold.

    Parameters
    ----------
    study
        Study folder.
    gate
        Its name; `hold` for a person's own.
    day
        Whose finding; None: where it holds.
    by
        Who decides; None: the name of the account.
    reason
        Why.
    block
        With `day`, of which of its sessions; None: of whichever holds.

    Returns
    -------
    list of str
        What was done, a line each.

    Raises
    ------
    ClosedLoopError
        Nothing of that name holds the study, or no reason is given.
    """
    paths = StudyPaths(resolved(study))
    document, protocol = read_identity(paths)
    if day is not None:
        refuse_other_days(protocol, day)
        if block is not None:
            refuse_other_blocks(paths, day, block)
    elif block is not None:
        raise OptionError("--block: expected --day with it, found none. Say of which day it is.")
    approved = approve(paths, document, protocol, gate, by=by, reason=reason, day=day, block=block)
    lines = [
        f"{one.line} {'Released' if one.gate == PERSON else 'Approved'}; noted in {paths.amendments}."
        for one in approved
    ]
    left = held_now(paths, document, protocol)
    if left:
        return [*lines, *held_lines(paths.root, left)]
    if waiter := waiter_of(paths.root):
        return [*lines, f"The study goes on by itself: {waiter.name} waits on it."]
    return [*lines, f"Go on with `{command_line('closedloop', 'run', paths.root)}`."]


def release_study(study: Path, *, by: str | None, reason: str) -> list[str]:
    """Append the amendment that ends a person's hold.

    Parameters
    ----------
    study
        Study folder.
    by
        Who decides; None: the name of the account.
    reason
        Why.

    Returns
    -------
    list of str
        What was done, a line each.

    Raises
    ------
    ClosedLoopError
        Nobody holds the study, or no reason is given.
    """
    return approve_gate(study, gate=PERSON, day=None, by=by, reason=reason)


def hold_study(study: Path, *, by: str | None, reason: str) -> str:
    """Append the amendment by which nothing is shown until somebody releases the study.

    Parameters
    ----------
    study
        Study folder.
    by
        Who decides; None: the name of the account.
    reason
        Why.

    Returns
    -------
    str
        What was done, in a line.

    Raises
    ------
    ClosedLoopError
        There is nothing to hold, it is held already, or no reason is given.
    """
    paths = StudyPaths(resolved(study))
    document, protocol = read_identity(paths)
    block = hold(paths, document, protocol, by=by, reason=reason)
    (held,) = (one for one in held_now(paths, document, protocol) if one.gate == PERSON)
    return (
        f"Held from {block.said} on: nothing is shown until it is released by `{held.approval(paths.root)}`. "
        f"Noted in {paths.amendments}."
    )
