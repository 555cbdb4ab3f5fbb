"""The day's stages as a rehearsal runs them: a dry run's, but for the session and its recording."""

from __future__ import annotations

from dataclasses import replace

from closedloop.artifacts.rig.description import RigDocument
from closedloop.stages.context import StageContext
from closedloop.study.rehearsal.present import RehearsalDisplay, present_rehearsed
from closedloop.study.rehearsal.recording import record_rehearsed
from closedloop.study.table import STAGE_TABLE, Stage, StageTable


def rehearsal_table(rig: RigDocument | None, display: RehearsalDisplay) -> StageTable:
    """Return the table.

    Parameters
    ----------
    rig
        The rig's description; None where there is none yet.
    display
        On which the session is shown.
    """

    def present(context: StageContext) -> None:
        present_rehearsed(context, rig=rig, display=display)

    def record(context: StageContext) -> None:
        record_rehearsed(context, rig=rig)

    works = {"present": present, "recording": record}

    def own(stage: Stage) -> Stage:
        return replace(stage, work=works.get(stage.name, stage.work))

    return replace(STAGE_TABLE, day=tuple(own(stage) for stage in STAGE_TABLE.day))
