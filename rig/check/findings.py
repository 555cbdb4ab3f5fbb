"""What a check found: PASS, WARN or FAIL, what is there, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from closedloop.errors import ClosedLoopError, SessionError

FindingStatus = Literal["PASS", "WARN", "FAIL"]

_CORRECT = "Correct it and check again."


@dataclass(frozen=True)
class Finding:
    """One line of the table.

    Attributes
    ----------
    name
        What was looked at: a name in `rig.check.table.CHECKS`.
    status
        FAIL stops a session, WARN is for the operator to judge. What could not be looked at is a WARN.
    found
        What was found.
    fix
        What to do about it; empty for PASS.
    can_be_overridden
        Whether a session may be shown although it is a FAIL, by `--despite NAME`.
    """

    name: str
    status: FindingStatus
    found: str
    fix: str = ""
    can_be_overridden: bool = False


def warn(found: str, fix: str) -> Finding:
    """Return what is for the operator to judge; the table gives it its name."""
    return Finding("", "WARN", found, fix)


def fail(found: str, fix: str) -> Finding:
    """Return what stops a session; the table gives it its name."""
    return Finding("", "FAIL", found, fix)


def unless_simulated(found: str, fix: str, *, simulated: bool) -> Finding:
    """Return what stops a session with an animal, and is only said where there is none.

    Parameters
    ----------
    found, fix
        See `Finding`.
    simulated
        Whether there is no animal.
    """
    return warn(found, fix) if simulated else fail(found, fix)


def failure(name: str, error: ClosedLoopError) -> Finding:
    """Return the finding of an error, whose line *place: expected, found. What to do.* is split into found and fix."""
    found, _, fix = str(error).partition(". ")
    return Finding(name=name, status="FAIL", found=found.removeprefix(f"{name}: "), fix=fix or _CORRECT)


def doubts_of(findings: Sequence[Finding], despite: Sequence[str]) -> list[str]:
    """Return, a line each, what is for the operator to judge and what the operator overrode."""
    overridden = overrides_of(findings, despite)
    return [
        f"{one.name}: {'overridden, ' if one.name in overridden else ''}{one.found}"
        for one in findings
        if one.status != "PASS"
    ]


def overrides_of(findings: Sequence[Finding], despite: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the checks that stand against a session and that the operator overrode."""
    return tuple(one.name for one in findings if one.status == "FAIL" and one.can_be_overridden and one.name in despite)


def refuse_failures(findings: Sequence[Finding], despite: Sequence[str]) -> None:
    """Refuse a session that a check stands against.

    Raises
    ------
    SessionError
        One does, and the operator did not override it by name, or cannot.
    """
    overridden = overrides_of(findings, despite)
    standing = [one for one in findings if one.status == "FAIL" and one.name not in overridden]
    if not standing:
        return
    first, *others = standing
    place = f"{first.name}: " if first.found.startswith("expected") else ""
    said = f"{place}{first.found}. {first.fix}"
    if first.can_be_overridden:
        said += f" Or pass --despite {first.name}: the journal and every page will say so."
    if others:
        said += f" {len(others)} more: {', '.join(one.name for one in others)}; `rig check` says what to do."
    raise SessionError(said)
