"""When gates are asked, and their reports on the disk: written anew where one does not follow from what is there."""

from __future__ import annotations

from typing import Final

from closedloop.artifacts.gates.held import is_shown
from closedloop.artifacts.gates.report import Checkpoint, GateReport, gate_report_path
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import DocumentError
from closedloop.storage import make_folder

CHECKPOINT_AFTER: Final[dict[str, Checkpoint]] = {
    "schedule": "preflight",
    "ingest": "intake",
    "evaluate": "review",
}
"""By the stage after which its gates are asked."""


def ask_gates(
    paths: StudyPaths, study: StudyDocument, protocol: Protocol, *, day: int, checkpoint: Checkpoint
) -> GateReport:
    """Return what the gates of a checkpoint find now; its file is written where it is missing or of another state.

    Parameters
    ----------
    paths, study, protocol
        The study.
    day, checkpoint
        Which; the stage before it is published.

    Raises
    ------
    DocumentError
        A published file is damaged.
    """
    from closedloop.gates.evaluate import evaluate_checkpoint, is_current  # noqa: PLC0415 - numpy with the first gate

    place = gate_report_path(paths, day, checkpoint)
    if place.is_file():
        try:
            report = GateReport.read(place)
        except DocumentError:
            pass  # it follows from published files: it is written again
        else:
            if is_current(report, paths, protocol, asks_machine=not is_shown(paths, day)):
                return report
    report = evaluate_checkpoint(paths, study, protocol, day, checkpoint)
    make_folder(place.parent)
    report.write(place)
    return report
