"""What people decide of gates: approve a finding, hold a study, release it; a line of amendments.jsonl each.

A loop may be at work meanwhile: a decision is read where the loop comes to what it is about.
"""

from __future__ import annotations

import getpass

from closedloop.artifacts.gates.held import (
    FOUND,
    PERSON,
    Held,
    held_before,
    holds_by_gates,
    persons_hold,
    session_to_show,
)
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.amendments import Amendment, amending, read_amendments, utc_now
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import OptionError, StudyError
from closedloop.plain_text.printed import check_given_name, check_given_text, command_line


def held_now(paths: StudyPaths, study: StudyDocument, protocol: Protocol) -> tuple[Held, ...]:
    """Return what holds the day that is to be shown next, by the files alone; nothing is asked anew or written.

    Parameters
    ----------
    paths, study, protocol
        The study.

    Raises
    ------
    DocumentError
        A report or an amendment is damaged.
    """
    block = session_to_show(paths, protocol.days)
    if block is None:
        return ()
    return held_before(paths.at(block), block.day, by_gates=holds_by_gates(study, protocol))


def approve(
    paths: StudyPaths,
    study: StudyDocument,
    protocol: Protocol,
    gate: str,
    *,
    by: str | None,
    reason: str,
    day: int | None = None,
    block: int | None = None,
    found: str | None = None,
) -> tuple[Held, ...]:
    """Let a study go on despite what a gate found, or release a person's hold (by the name `hold`).

    Who approves a gate while somebody holds the study decides two things that both stand: the gate is approved, and
    nothing is shown until the hold is released.

    Parameters
    ----------
    paths, study, protocol
        The study.
    gate
        Its name.
    by
        Who decides; None: the name of the account.
    reason
        Why.
    day, block
        Whose finding, and of which of the day's sessions; None: where the gate holds now.
    found
        The words that were read of it; None: whatever it finds now.

    Returns
    -------
    tuple of Held
        What was approved.

    Raises
    ------
    OptionError
        No reason is given, or a name that cannot be printed.
    StudyError
        No such gate holds the study, or by other words.
    """
    who, why = _who(by), _why(reason)
    with amending(paths.amendments) as append:
        held = held_now(paths, study, protocol)
        approved = tuple(
            one for one in held if one.gate == gate and day in (None, one.day) and block in (None, one.block)
        )
        if not approved:
            raise StudyError(_no_such_gate(paths, study, protocol, held, gate=gate, day=day, block=block))
        for one in approved:
            if found not in (None, one.found):
                raise StudyError(
                    f"{paths.root}: {gate} of {one.session.said}: expected what was read of it, {found}, found "
                    f"{one.found}. Read it, and decide again."
                )
        for one in approved:
            append(_approval(one, study, who=who, why=why))
    return approved


def hold(paths: StudyPaths, study: StudyDocument, protocol: Protocol, *, by: str | None, reason: str) -> Block:
    """Hold a study: nothing is shown until somebody releases it. What has begun to be shown goes on.

    Parameters
    ----------
    paths, study, protocol
        The study.
    by
        Who decides; None: the name of the account.
    reason
        Why.

    Returns
    -------
    Block
        The first session that is not shown.

    Raises
    ------
    OptionError
        No reason is given, or a name that cannot be printed.
    StudyError
        There is no day to hold, or somebody holds it already.
    """
    who, why = _who(by), _why(reason)
    block = session_to_show(paths, protocol.days)
    if block is None:
        raise StudyError(f"{paths.root}: expected a day that is yet to be shown, found none. Nothing is left to hold.")
    with amending(paths.amendments) as append:
        before = persons_hold(read_amendments(paths.amendments))
        if before is not None:
            raise StudyError(
                f"{paths.root}: expected a study that nobody holds, found it {before.found}. Release it by "
                f"`{before.approval(paths.root)}`."
            )
        append(
            Amendment(
                kind="hold",
                simulated=study.simulated,
                day=block.day,
                block=block.number,
                utc=utc_now(),
                who=who,
                why=why,
            )
        )
    return block


def _approval(held: Held, study: StudyDocument, *, who: str, why: str) -> Amendment:
    said = {
        "simulated": study.simulated,
        "day": held.day,
        "block": held.block,
        "utc": utc_now(),
        "who": who,
        "why": why,
    }
    if held.gate == PERSON:
        return Amendment.model_validate(said | {"kind": "release"})
    subject, before = (held.checkpoint, held.gate), {FOUND: held.found}
    return Amendment.model_validate(said | {"kind": "approve_gate", "subject": subject, "before": before})


def _no_such_gate(
    paths: StudyPaths,
    study: StudyDocument,
    protocol: Protocol,
    held: tuple[Held, ...],
    *,
    gate: str,
    day: int | None,
    block: int | None,
) -> str:
    of_day = "" if day is None else f" on {Block(day, block or 1).said}"
    if held and gate == PERSON:
        ways = ", ".join(f"`{one.approval(paths.root)}`" for one in held)
        return (
            f"{paths.root}: expected a study that somebody holds, found that a gate does. Read what it found, and "
            f"approve it: {ways}."
        )
    if held:
        known = " or ".join(f"{one.gate} of {one.session.said}" for one in held)
        return f"GATE: expected what holds {paths.root}, {known}, found {gate}{of_day}. Correct it."
    run = command_line("closedloop", "run", paths.root)
    if gate == PERSON:
        return f"{paths.root}: expected a study that somebody holds, found that nobody does. Go on with `{run}`."
    if not holds_by_gates(study, protocol):
        return (
            f"{paths.root}: expected a study that its gates hold, found a simulated one: it goes on by itself. "
            "`gates.simulated: hold` in protocol.yaml makes it hold."
        )
    return f"{paths.root}: expected {gate} to hold the study{of_day}, found that nothing does. Go on with `{run}`."


def _who(by: str | None) -> str:
    if by is None:
        return getpass.getuser()
    check_given_name(by, option="--by", error=OptionError)
    return by


def _why(reason: str) -> str:
    if not reason.strip():
        raise OptionError("--reason: expected a reason, found none. Say in a few words why.")
    check_given_text(reason, option="--reason", error=OptionError)
    return reason.strip()
