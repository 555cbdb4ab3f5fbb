"""The gates of a checkpoint, asked: their report, and whether one that was written still follows from what is there."""

from __future__ import annotations

from closedloop.artifacts.gates.report import Checkpoint, GateFinding, GateReport
from closedloop.artifacts.gates.sources import asked_of, sources
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.gates.context import GateContext
from closedloop.gates.table import GATES, gates_of


def evaluate_checkpoint(
    paths: StudyPaths, study: StudyDocument, protocol: Protocol, day: int, checkpoint: Checkpoint
) -> GateReport:
    """Ask the gates of a checkpoint; nothing is written.

    Parameters
    ----------
    paths, study, protocol
        The study.
    day, checkpoint
        Which; the stage before it is published.

    Raises
    ------
    DocumentError
        A published file is missing or damaged.
    """
    context = GateContext(paths, study, protocol, day)
    findings = tuple(
        _of_what_counts(gate.evaluate(context), context, checkpoint).model_copy(
            update={"is_of_this_machine": gate.is_of_this_machine}
        )
        for gate in gates_of(checkpoint)
    )
    return GateReport(
        simulated=study.simulated,
        day=day,
        block=paths.block(day).number,
        checkpoint=checkpoint,
        made_from=context.made_from(checkpoint),
        findings=findings,
    )


def _of_what_counts(finding: GateFinding, context: GateContext, checkpoint: Checkpoint) -> GateFinding:
    """Let what was found of a recording of which nothing counts hold nothing; it is told as before, and by whom."""
    uncounted = context.uncounted()
    if checkpoint != "intake" or not uncounted.is_whole:
        return finding
    found = f"{finding.found}; nothing of {context.block.said} counts: left out by {uncounted.deciders()}"
    return finding.model_copy(update={"found": found, "level": "WARN" if finding.level == "HOLD" else finding.level})


def machine_finding(
    paths: StudyPaths, study: StudyDocument, protocol: Protocol, day: int, gate: str
) -> GateFinding | None:
    """Ask a gate that asks the machine as it is now; nothing is written. None of any other gate.

    Parameters
    ----------
    paths, study, protocol
        The study.
    day, gate
        Which; the stage before its checkpoint is published.

    Raises
    ------
    DocumentError
        A published file is missing or damaged.
    """
    asked = next((one for one in GATES if one.name == gate and one.is_of_this_machine), None)
    return None if asked is None else asked.evaluate(GateContext(paths, study, protocol, day))


def is_current(report: GateReport, paths: StudyPaths, protocol: Protocol, *, asks_machine: bool = True) -> bool:
    """Return whether a report follows from what is published now, by the gates that there are.

    A gate that asks the machine is asked again as long as it does not pass: somebody may have made room.

    Parameters
    ----------
    report
        As it was written.
    paths, protocol
        The study, with its protocol as it is now.
    asks_machine
        Whether such a gate still matters.
    """
    if [finding.gate for finding in report.findings] != [gate.name for gate in gates_of(report.checkpoint)]:
        return False
    if asks_machine and any(finding.is_of_this_machine and finding.level != "PASS" for finding in report.findings):
        return False
    of, amendments = (Block(report.day, report.block), report.checkpoint), read_amendments(paths.amendments)
    return report.made_from == sources(paths, protocol, asked_of(report), of=of, amendments=amendments)
