"""All studies at a glance: a row each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from closedloop.errors import StudyError
from closedloop.service.panels import gates, stages
from closedloop.service.web.events import LiveStudy
from closedloop.service.web.render import StudyName


@dataclass(frozen=True)
class OverviewRow:
    """A study.

    Attributes
    ----------
    damaged
        What could not be read, a line each.
    """

    study: StudyName
    place: str
    where: stages.StagesPanel
    damaged: tuple[str, ...]

    @property
    def now(self) -> stages.StageCell | None:
        """The stage that it is at; None where there is none."""
        cells = self.where.today.stages if self.where.today else ()
        return next((cell for cell in cells if cell.state not in {"done", "to come"}), None)


def overview(studies: Sequence[LiveStudy]) -> list[OverviewRow]:
    """Return a row for each study; one that cannot be read says so."""
    return [_row(one) for one in studies]


def _row(one: LiveStudy) -> OverviewRow:
    study, paths = one.study, one.paths
    try:
        one.refuse_other_study()
        where, found = stages.read(paths), gates.read(paths)
    except Exception as error:  # noqa: BLE001 - one study's fault leaves the others readable, and is said
        said = str(error) if isinstance(error, StudyError) else f"{paths.root}: {type(error).__name__}: {error}"
        return OverviewRow(study, str(paths.root), stages.UNREADABLE, (said,))
    return OverviewRow(study, str(paths.root), where, tuple(dict.fromkeys((*where.damaged, *found.damaged))))
