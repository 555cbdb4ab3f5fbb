"""What a real study waits for now, for whoever asks: from a look at the folders that writes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import ClosedLoopError
from closedloop.plain_text.printed import quoted
from closedloop.study.completeness.late import refuse_late_files
from closedloop.study.completeness.looks import Patience, recall_refusal
from closedloop.study.completeness.watch import BroughtStage, Watch
from closedloop.study.outdated.told import made_again

_STAGES: tuple[BroughtStage, ...] = ("present", "recording")


@dataclass(frozen=True)
class WaitNow:
    """What a real study waits for.

    Attributes
    ----------
    day, stage
        Whose files are missing, or are not taken over.
    line
        What a person has to do.
    is_refused
        Whether all is there, and was refused as it is.
    block
        Which of the day's sessions.
    """

    day: int
    stage: str
    line: str
    is_refused: bool = False
    block: int = 1


def waiting_for_now(paths: StudyPaths, study: StudyDocument, patience: Patience | None = None) -> str | None:
    """Return in one line what a person has to do; None where the loop can go on, or does everything itself.

    Parameters
    ----------
    paths, study
        The study.
    patience
        How long files have to lie unchanged; a minute by default.
    """
    if study.simulated:
        return None
    watch = Watch(paths, study, read_protocol(paths.protocol), patience or Patience(), remember=False)
    try:
        found = _waiting(watch)
    except ClosedLoopError as error:  # what stops the loop is what a person has to see to
        return str(error)
    return found.line if found else None


def wait_now(paths: StudyPaths, study: StudyDocument, patience: Patience | None = None) -> WaitNow | None:
    """Return what a study waits for; None where the loop can go on, or does everything itself.

    Parameters
    ----------
    paths, study
        The study.
    patience
        How long files have to lie unchanged; a minute by default.

    Raises
    ------
    ClosedLoopError
        What stops the loop: a person has to see to it.
    """
    if study.simulated:
        return None
    return _waiting(Watch(paths, study, read_protocol(paths.protocol), patience or Patience(), remember=False))


def _waiting(watch: Watch) -> WaitNow | None:
    again = _made_again(watch)
    for block in watch.paths.sequence.blocks(watch.protocol.days):
        of_session = replace(watch, paths=watch.paths.at(block))
        paths, day = of_session.paths, block.day
        if block in again or not (paths.folder("schedule", day) / MANIFEST_NAME).is_file():
            return None  # a run makes first what is shown
        for stage in _STAGES:
            folder = paths.folder(stage, day)
            if not (folder / MANIFEST_NAME).is_file():
                return replace(_outlook(of_session, day, stage), block=block.number)
            refuse_late_files(paths, day, stage, read_manifest(folder))
    return None


def _made_again(watch: Watch) -> frozenset[Block]:
    if not watch.paths.amendments.exists():
        return frozenset()
    from closedloop.study.outdated.stages import outdated_stages  # noqa: PLC0415 - most studies have none

    return made_again(outdated_stages(watch.paths, watch.study, watch.protocol))


def _outlook(watch: Watch, day: int, stage: BroughtStage) -> WaitNow:
    brought = watch.brought(day, stage)
    outlook = watch.look(brought)
    if outlook.missing:
        return WaitNow(day, stage, outlook.missing)
    refused = recall_refusal(outlook.look, brought.memory, decisions=watch.paths.amendments)
    said = watch.paths.block(day).said
    if refused:
        return WaitNow(day, stage, f"{said} {stage} was refused as it is: {refused}", is_refused=True)
    run = f"`closedloop run {quoted(watch.paths.root)}`"
    if not outlook.settles_in_s:
        return WaitNow(day, stage, f"{said} {stage}: all is there; run {run}.")
    settles = f"takes it over once it has not changed for {watch.patience.settle_s:.0f} s"
    return WaitNow(day, stage, f"{said} {stage}: all is there; {run} {settles}.")
