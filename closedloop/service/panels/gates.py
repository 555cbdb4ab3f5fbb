"""Panel: what the gates found, what holds a day, and who decided what about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from closedloop.artifacts.catalog import JOURNAL
from closedloop.artifacts.gates.held import (
    Held,
    approval_of,
    holds_by_gates,
    is_shown,
    persons_hold,
    read_gate_report,
    session_to_show,
)
from closedloop.artifacts.gates.report import (
    CHECKPOINTS,
    Checkpoint,
    GateFinding,
    GateLevel,
    gate_report_path,
)
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.records.amendments import Amendment, read_amendments
from closedloop.artifacts.records.sequence import Block, readable_sequence
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import ClosedLoopError
from closedloop.service.unchanged import while_unchanged
from closedloop.study.gates.decisions import held_now

NAME = "gates"
TITLE = "Gates"

_WHEN: Final[dict[Checkpoint, str]] = {
    "preflight": "before the session is shown",
    "intake": "when the recording has come in",
    "review": "when the day is evaluated",
}


@dataclass(frozen=True)
class ShownFinding:
    """What a gate found.

    Attributes
    ----------
    holds
        Whether it stops the study now.
    approved
        Who let it go on, when and why; empty where nobody did.
    passed
        Why a HOLD that nobody approved does not stop the study; empty where it does, or is none.
    """

    gate: str
    level: GateLevel
    expected: str
    found: str
    remedy: str
    holds: bool = False
    approved: str = ""
    passed: str = ""


@dataclass(frozen=True)
class CheckpointFindings:
    """What the gates of a checkpoint of a day found: what holds first, then what warns."""

    day: int
    checkpoint: Checkpoint
    when: str
    findings: tuple[ShownFinding, ...]
    block: int = 1

    @property
    def session(self) -> Block:
        """Whose they are."""
        return Block(self.day, self.block)

    @property
    def n_holds(self) -> int:
        """How many hold the study now."""
        return sum(finding.holds for finding in self.findings)

    @property
    def worst(self) -> GateLevel:
        """The worst level of all; HOLD only where one holds now."""
        if self.n_holds:
            return "HOLD"
        return "PASS" if all(finding.level == "PASS" for finding in self.findings) else "WARN"


@dataclass(frozen=True)
class GatesPanel:
    """What the gates found, the latest day first.

    Attributes
    ----------
    held_by
        What holds the session that is to be shown next.
    held_by_hand
        Who holds the study, since when and why; empty where nobody does.
    can_be_held
        Whether a session is still to be shown.
    damaged
        What could not be read, a line each.
    """

    checkpoints: tuple[CheckpointFindings, ...]
    held_by: tuple[Held, ...] = ()
    held_by_hand: str = ""
    can_be_held: bool = True
    damaged: tuple[str, ...] = ()


def anchor(session: Block, checkpoint: str, gate: str) -> str:
    """Return where on the page a finding stands.

    Parameters
    ----------
    session, checkpoint, gate
        Whose it is.
    """
    return f"finding-{session.seed_name}-{checkpoint}-{gate}"


def read(paths: StudyPaths) -> GatesPanel:
    """Return what the gates of every day found, and what was decided of it."""
    return _read(paths.root)


def _that_decide(root: Path) -> Iterable[Path]:
    paths = StudyPaths(root)
    yield from (paths.study, paths.protocol, paths.amendments)
    for block in paths.found():
        at, day = paths.at(block), block.day
        yield from (gate_report_path(at, day, checkpoint) for checkpoint in CHECKPOINTS)
        yield from (folder / JOURNAL.name for folder in (at.folder("present", day), at.working("present", day)))


@dataclass(frozen=True)
class _Decided:
    """What decides whether a finding holds: what people said, what holds, and whether gates are passed over at all."""

    amendments: tuple[Amendment, ...]
    held_by: tuple[Held, ...]
    goes_on: bool
    n_days: int = 0


@while_unchanged(files=_that_decide)
def _read(root: Path) -> GatesPanel:
    paths, damaged = StudyPaths(root), list[str]()
    paths = paths.keeping(readable_sequence(paths.root))
    decided = _decided(paths, damaged)
    person = persons_hold(decided.amendments)
    found = [
        one
        for block in reversed(paths.found())
        for checkpoint in reversed(CHECKPOINTS)
        if (one := _findings(paths.at(block), block.day, checkpoint, decided, damaged))
    ]
    is_over = decided.n_days > 0 and session_to_show(paths, decided.n_days) is None
    said = person.found if person else ""
    return GatesPanel(tuple(found), decided.held_by, said, not is_over, tuple(dict.fromkeys(damaged)))


def _decided(paths: StudyPaths, damaged: list[str]) -> _Decided:
    amendments: tuple[Amendment, ...] = ()
    goes_on = False
    try:
        amendments = read_amendments(paths.amendments)
    except (ClosedLoopError, OSError) as error:
        damaged.append(str(error))
    try:
        study, protocol = StudyDocument.read(paths.study), read_protocol(paths.protocol)
        goes_on = not holds_by_gates(study, protocol)
        return _Decided(amendments, held_now(paths, study, protocol), goes_on, protocol.days)
    except (ClosedLoopError, OSError) as error:
        damaged.append(str(error))
        return _Decided(amendments, (), goes_on)


def _findings(
    paths: StudyPaths, day: int, checkpoint: Checkpoint, decided: _Decided, damaged: list[str]
) -> CheckpointFindings | None:
    try:
        report = read_gate_report(paths, day, checkpoint)
    except (ClosedLoopError, OSError) as error:
        damaged.append(str(error))
        return None
    if report is None:
        return None
    block = paths.block(day)
    holding = {one.gate for one in decided.held_by if ((one.day, one.block), one.checkpoint) == (block, checkpoint)}
    stopped = block if checkpoint == "preflight" else paths.sequence.after(block, decided.n_days)
    begun = stopped is not None and is_shown(paths.at(stopped), stopped.day)
    passed = _GOES_ON if decided.goes_on else _SHOWN.format(session=stopped.said) if stopped and begun else ""
    findings = [
        _finding(
            one,
            approval_of(one, block, checkpoint, decided.amendments),
            holds=one.level == "HOLD" and one.gate in holding,
            passed=passed,
        )
        for one in report.findings
    ]
    findings.sort(key=lambda one: (not one.holds, _ORDER[one.level]))
    return CheckpointFindings(day, checkpoint, _WHEN[checkpoint], tuple(findings), block.number)


_ORDER: Final[dict[GateLevel, int]] = {"HOLD": 0, "WARN": 1, "PASS": 2}
_GOES_ON = "a simulated study goes on by itself"
_SHOWN = "the session of {session} has begun: nothing holds it any more"


def _finding(finding: GateFinding, approval: Amendment | None, *, holds: bool, passed: str) -> ShownFinding:
    is_open = finding.level == "HOLD" and approval is None and not holds
    return ShownFinding(
        gate=finding.gate,
        level=finding.level,
        expected=finding.expected,
        found=finding.found,
        remedy=finding.remedy,
        holds=holds,
        approved=f"by {approval.who}, {approval.utc[:16].replace('T', ' ')} UTC: {approval.why}" if approval else "",
        passed=passed if is_open else "",
    )
