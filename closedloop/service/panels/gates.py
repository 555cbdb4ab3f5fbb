"""Panel: what the gates found, what holds a day, and who decided what about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from closedloop.artifacts.records.amendments import Amendment, read_amendments
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import ClosedLoopError
from closedloop.plain_text.json_text import read_json
from closedloop.service.panels.unchanged import while_unchanged

NAME = "gates"
TITLE = "Gates"

CHECKPOINTS = {
    "preflight": "before anything is shown",
    "intake": "after the recording came in",
    "review": "after the day was evaluated",
}


@dataclass(frozen=True)
class Finding:
    """What a gate found.

    Attributes
    ----------
    approved
        Who let it go on, and why; empty where nobody did.
    """

    gate: str
    level: Literal["PASS", "WARN", "HOLD"]
    expected: str
    found: str
    remedy: str
    approved: str = ""

    @property
    def holds(self) -> bool:
        """Whether it stops the study now."""
        return self.level == "HOLD" and not self.approved


@dataclass(frozen=True)
class CheckpointFindings:
    """What the gates of a checkpoint of a day found."""

    day: int
    checkpoint: str
    when: str
    findings: tuple[Finding, ...]

    @property
    def n_holds(self) -> int:
        """How many hold the study now."""
        return sum(finding.holds for finding in self.findings)

    @property
    def n_warnings(self) -> int:
        """How many warn."""
        return sum(finding.level == "WARN" for finding in self.findings)


@dataclass(frozen=True)
class GatesPanel:
    """What the gates found, the latest first.

    Attributes
    ----------
    held_by_hand
        Who holds the study, and why; empty where nobody does.
    damaged
        What could not be read, a line each.
    """

    checkpoints: tuple[CheckpointFindings, ...]
    held_by_hand: str
    damaged: tuple[str, ...] = ()

    @property
    def n_holds(self) -> int:
        """How many findings hold the study now."""
        return sum(one.n_holds for one in self.checkpoints)


def read(paths: StudyPaths) -> GatesPanel:
    """Return what the gates of every day found."""
    damaged: list[str] = []
    decisions = _decisions(paths, damaged)
    found: list[CheckpointFindings] = []
    for folder in sorted(paths.root.glob("day-[0-9]*/gates"), reverse=True):
        for checkpoint in reversed(CHECKPOINTS):
            file = folder / f"{checkpoint}.json"
            if file.is_file():
                try:
                    found.append(_findings(_read_report(file), checkpoint, decisions))
                except (ClosedLoopError, OSError) as error:
                    damaged.append(str(error))
                except (KeyError, TypeError, ValueError):
                    damaged.append(f"{file}: expected the findings of gates, found something else. Restore the file.")
    return GatesPanel(tuple(found), _held_by_hand(decisions), tuple(damaged))


@while_unchanged(most=256)
def _read_report(path: Path) -> dict[str, Any]:
    report: dict[str, Any] = read_json(path, missing="expected the findings of gates, found none.")
    return report


@while_unchanged()
def _read_decisions(path: Path) -> tuple[Amendment, ...]:
    return read_amendments(path)


def _decisions(paths: StudyPaths, damaged: list[str]) -> tuple[Amendment, ...]:
    try:
        return _read_decisions(paths.amendments)
    except (ClosedLoopError, OSError) as error:
        damaged.append(str(error))
        return ()


def _findings(report: dict[str, Any], checkpoint: str, decisions: Sequence[Amendment]) -> CheckpointFindings:
    day = int(report["day"])
    findings = tuple(
        Finding(
            gate=str(one["gate"]),
            level=one["level"],
            expected=str(one["expected"]),
            found=str(one["found"]),
            remedy=str(one["remedy"]),
            approved=_approval(decisions, day, checkpoint, str(one["gate"]), str(one["found"])),
        )
        for one in report["findings"]
    )
    return CheckpointFindings(day, checkpoint, CHECKPOINTS[checkpoint], findings)


def _approval(decisions: Sequence[Amendment], day: int, checkpoint: str, gate: str, found: str) -> str:
    for one in reversed(decisions):
        is_of_it = (str(one.kind), one.day, one.subject) == ("approve_gate", day, (checkpoint, gate))
        if is_of_it and one.before.get("found") == found:
            return f"{one.who}, {one.utc}: {one.why}"
    return ""


def _held_by_hand(decisions: Sequence[Amendment]) -> str:
    for one in reversed(decisions):
        if str(one.kind) == "release":
            return ""
        if str(one.kind) == "hold":
            return f"{one.who}, {one.utc}: {one.why}"
    return ""
