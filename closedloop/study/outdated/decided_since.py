"""Folders that people's last decisions have made again, and that no loop has made again yet: known, and no fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from closedloop.artifacts.amended.kept import recordings_to_seal
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.records.sequence import Block
from closedloop.errors import DocumentError
from closedloop.study.steps import Step, Steps
from closedloop.study.table import Stage


def decided_since(steps: Steps, stage: Stage, block: Block, manifest: Manifest) -> str:
    """Return in a few words which decision has a folder made again; empty where none has, or not a decision alone.

    Parameters
    ----------
    steps
        Of the study, with all decisions.
    stage, block
        Whose folder.
    manifest
        Its.
    """
    lines = steps.amendments()
    if _awaits_another_recording(steps, stage, block, lines):
        return "made from a recording that was replaced since"
    for n_lines in reversed(range(len(lines))):  # what followed from what is there before later lines were decided
        before = replace(steps, read=_reader(lines[:n_lines]))
        step = _step(before, stage, block)
        if step is not None and before.follows(step, manifest):
            since = f"made before line {n_lines + 1} of {steps.paths.amendments} was decided"
            return "" if cannot_be_made_again(step) else since
    return ""


def _awaits_another_recording(steps: Steps, stage: Stage, block: Block, lines: tuple[Amendment, ...]) -> bool:
    """Return whether a recording that the stage reads was replaced, and is not sealed yet."""
    folders, paths = recordings_to_seal(steps.paths, lines), steps.paths.at(block)
    protocol = steps.protocol_of(stage, paths, block.day)
    return any(folder in folders for folder in stage.reads(paths, block.day, protocol=protocol, decided=False))


def _reader(lines: tuple[Amendment, ...]) -> Callable[[Path], tuple[Amendment, ...]]:
    return lambda _path: lines


def _step(steps: Steps, stage: Stage, block: Block) -> Step | None:
    try:
        return steps.step(stage, block)
    except DocumentError:
        return None


def cannot_be_made_again(step: Step) -> bool:
    """Return whether it is what a session was recorded with: the loop refuses to make that again."""
    day = max(step.day, 0)
    sealed = (step.paths.folder("recording", day) / MANIFEST_NAME).is_file()
    return step.stage.place != "after the session" and sealed
