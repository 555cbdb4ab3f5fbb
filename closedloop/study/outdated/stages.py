"""Which published stages the next run makes again, by what people decided since: from manifests alone, no file is read.

A look that may come every few seconds: nothing is written and no file is hashed. In a study without decisions nothing
is read but that there are none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.protocol.protocol import Protocol, read_protocol
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.records.sequence import START, Block
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import DocumentError
from closedloop.study.outdated.decided_since import cannot_be_made_again, decided_since
from closedloop.study.outdated.told import Outdated
from closedloop.study.steps import Step, Steps, was_shown
from closedloop.study.table import STAGE_TABLE, Stage, StageTable


def outdated_stages(
    paths: StudyPaths, study: StudyDocument, protocol: Protocol, *, table: StageTable = STAGE_TABLE
) -> tuple[Outdated, ...]:
    """Return the published stages that the next run makes again, in the loop's order; none where nobody decided.

    What an animal was shown stands, and so does what cannot be made again.

    Parameters
    ----------
    paths, study, protocol
        Whose.
    table
        The stages; another one in tests.

    Raises
    ------
    DocumentError
        The study's amendments are damaged.
    """
    lines = read_amendments(paths.amendments)
    if not lines:
        return ()
    steps = Steps(paths, study, protocol, table, lambda _path: lines, cache(read_manifest))
    sequence, stages = steps.sequence(), {stage.name: stage for stage in table.day}
    steps = replace(steps, paths=paths.keeping(sequence))
    order = [(START, table.start), *((b, stages[name]) for b, name in sequence.due(protocol.days, list(stages)))]
    found: dict[Path, Outdated] = {}
    for block, stage in order:
        folder = steps.paths.at(block).folder(stage.name, block.day)
        if (folder / MANIFEST_NAME).is_file() and (why := _why(steps, stage, block, folder, found)):
            found[folder] = Outdated(block.day, stage.name, why, block.number)
    return tuple(found.values())


def outdated_now(paths: StudyPaths, study: StudyDocument) -> tuple[Outdated, ...]:
    """Return the same of a study whose protocol is not read yet.

    Parameters
    ----------
    paths, study
        Whose.

    Raises
    ------
    ClosedLoopError
        The protocol or the study's amendments are damaged.
    """
    return outdated_stages(paths, study, read_protocol(paths.protocol))


def _why(steps: Steps, stage: Stage, block: Block, folder: Path, outdated: Mapping[Path, Outdated]) -> str:
    """Return why a published folder is made again; empty where it stands, or where that is another's to say."""
    try:
        manifest = steps.manifest_of(folder)
        step = steps.step(stage, block)
    except DocumentError:  # something it reads is not there: a recording was replaced, or the folder is damaged
        return _of_what_is_missing(steps, stage, block, folder)
    if cannot_be_made_again(step) and not steps.study.simulated:
        return ""
    if not steps.follows(step, manifest):
        return step.what_changed(manifest)
    reads = step.reads()
    above = [outdated[one] for one in reads if one in outdated]
    return f"{above[0].place} is made again" if above and not _is_shown(step) else ""


def _of_what_is_missing(steps: Steps, stage: Stage, block: Block, folder: Path) -> str:
    try:
        return decided_since(steps, stage, block, steps.manifest_of(folder))
    except DocumentError:
        return ""


def _is_shown(step: Step) -> bool:
    shown_in = step.stage.shown_in(step.paths, step.day)
    return shown_in is not None and was_shown(step.paths.at(shown_in), shown_in.day)
