"""What gates found, computed again from the published files."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.amended.protocols import protocol_of_day
from closedloop.artifacts.gates.report import CHECKPOINTS, GateReport, gate_report_path
from closedloop.artifacts.gates.sources import LEFT_OUT
from closedloop.artifacts.manifest import is_litter
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.amendments import whole_amendments
from closedloop.artifacts.study import GATES_FOLDER, StudyDocument, StudyPaths
from closedloop.plain_text.printed import quoted
from closedloop.study.gates.checkpoints import GateKeeper
from closedloop.study.verification.findings import Findings


def check_gates(
    findings: Findings,
    paths: StudyPaths,
    study: StudyDocument,
    protocol: Protocol,
    *,
    gates: GateKeeper,
    is_decided_since: bool = False,
) -> None:
    """Compare every gate report with what the gates find now, but for what they ask the machine.

    Parameters
    ----------
    findings
        Grow by what is found.
    paths, study, protocol
        Whose.
    gates
        Who asks them.
    is_decided_since
        Whether people decided something since the loop ran by which stages are made again: it asks anew then.
    """
    for block in paths.found():
        at, day = paths.at(block), block.day
        folder = at.day(day).root / GATES_FOLDER
        of_day = protocol_of_day(protocol, whole_amendments(paths.amendments), day)
        places = {gate_report_path(at, day, checkpoint): checkpoint for checkpoint in CHECKPOINTS}
        for place in sorted(folder.iterdir()) if folder.is_dir() else ():
            if place not in places:
                if not is_litter(place.name):
                    findings.notes.append(f"{place}: none of the study's; it is not read.")
                continue
            with findings.reading("gates", place):
                findings.sha256(place)
                report = GateReport.read(place)
                if block not in paths.sequence.of_day(block.day):
                    continue  # nobody asks them anew of a session that people decided not to have
                again = gates.evaluate(at, study, of_day, day, places[place])
                _compare(findings, place, report, again, paths=paths, is_decided_since=is_decided_since)


def _compare(
    findings: Findings,
    place: Path,
    report: GateReport,
    again: GateReport,
    *,
    paths: StudyPaths,
    is_decided_since: bool,
) -> None:
    """Write down what differs; a gate that asks the machine is compared by its name alone."""
    before, now = ({one.gate: one for one in each.findings} for each in (report, again))
    of_the_machine = {one.gate for one in again.findings if one.is_of_this_machine}
    others = [
        gate
        for gate in dict.fromkeys([*before, *now])
        if before.get(gate) != now.get(gate) and not (gate in of_the_machine and gate in before)
    ]
    if report.made_from.get(LEFT_OUT) != again.made_from.get(LEFT_OUT):
        findings.notes.append(
            f"{place}: made before it was decided what is left out of it; `closedloop run {quoted(paths.root)}` makes "
            "it again."
        )
        return
    head = ("kind", "simulated", "day", "block", "checkpoint", "made_from")
    others += [name for name in head if getattr(report, name) != getattr(again, name)]
    if others and is_decided_since:
        findings.notes.append(
            f"{place}: asked before the last decision; `closedloop run {quoted(paths.root)}` does anew."
        )
    elif others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        findings.fault(
            "gates",
            f"{place}: expected what the gates find in the published files, found another {others[0]}{more}. "
            f"Move it aside: `closedloop run {quoted(paths.root)}` writes it again.",
        )
