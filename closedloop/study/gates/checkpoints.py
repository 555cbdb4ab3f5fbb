"""When gates are asked, and their reports on the disk: written anew where one does not follow from what is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from typing import Protocol as Port

from closedloop.artifacts.gates.held import Held, is_shown
from closedloop.artifacts.gates.report import Checkpoint, GateReport, gate_report_path
from closedloop.artifacts.protocol.protocol import Protocol, read_protocol
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import DocumentError
from closedloop.storage import make_folder

CHECKPOINT_AFTER: Final[dict[str, Checkpoint]] = {
    "schedule": "preflight",
    "ingest": "intake",
    "evaluate": "review",
}
"""By the stage after which its gates are asked."""


class EvaluatesGates(Port):
    """Who asks the gates of a checkpoint, and writes nothing."""

    def __call__(
        self, paths: StudyPaths, study: StudyDocument, protocol: Protocol, day: int, checkpoint: Checkpoint
    ) -> GateReport:
        """See `gates.evaluate`."""


class SaysCurrent(Port):
    """Who says whether a report still follows from what is there."""

    def __call__(self, report: GateReport, paths: StudyPaths, protocol: Protocol, *, asks_machine: bool) -> bool:
        """See `gates.evaluate`."""


def _evaluate(
    paths: StudyPaths, study: StudyDocument, protocol: Protocol, day: int, checkpoint: Checkpoint
) -> GateReport:
    from closedloop.gates.evaluate import evaluate_checkpoint  # noqa: PLC0415 - numpy with the first gate

    return evaluate_checkpoint(paths, study, protocol, day, checkpoint)


def _is_current(report: GateReport, paths: StudyPaths, protocol: Protocol, *, asks_machine: bool) -> bool:
    from closedloop.gates.evaluate import is_current  # noqa: PLC0415 - numpy with the first gate

    return is_current(report, paths, protocol, asks_machine=asks_machine)


def is_changed_by_machine(paths: StudyPaths, held: Sequence[Held]) -> bool:
    """Return whether a gate that asks the machine finds another thing by now than what holds a study; write nothing.

    Somebody made room on the disk, say, and no file of the study tells.

    Raises
    ------
    DocumentError
        A published file is damaged.
    """
    from closedloop.gates.evaluate import machine_finding  # noqa: PLC0415 - numpy with the first gate

    study, protocol = StudyDocument.read(paths.study), read_protocol(paths.protocol)
    for one in held:
        finding = machine_finding(paths, study, protocol, one.day, one.gate)
        if finding is not None and (finding.level, finding.found) != ("HOLD", one.found):
            return True
    return False


@dataclass(frozen=True)
class GateKeeper:
    """The gates, as the loop asks them; other ones in tests."""

    evaluate: EvaluatesGates = _evaluate
    is_current: SaysCurrent = _is_current

    def ask(
        self, paths: StudyPaths, study: StudyDocument, protocol: Protocol, *, day: int, checkpoint: Checkpoint
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
        place = gate_report_path(paths, day, checkpoint)
        if place.is_file():
            try:
                report = GateReport.read(place)
            except DocumentError:
                pass  # it follows from published files: it is written again
            else:
                if self.is_current(report, paths, protocol, asks_machine=not is_shown(paths, day)):
                    return report
        report = self.evaluate(paths, study, protocol, day, checkpoint)
        make_folder(place.parent)
        report.write(place)
        return report


GATE_KEEPER: Final = GateKeeper()
"""The real ones."""
