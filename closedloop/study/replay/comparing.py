"""What differs between a published stage and the same one made again: every file, by what the catalog says it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from closedloop.artifacts.amended.decided import SAID
from closedloop.artifacts.comparison.files import differing_files
from closedloop.artifacts.manifest import Manifest, read_manifest
from closedloop.artifacts.records.replay import ReplayedStage, ReplayedValues
from closedloop.artifacts.study import StudyPaths
from closedloop.storage import sha256_file
from closedloop.study.replay.making import MadeStage


def compare_stage(study: StudyPaths, made: StudyPaths, of: MadeStage, *, changed: tuple[str, ...]) -> ReplayedStage:
    """Compare a stage that was made again with what is published.

    Parameters
    ----------
    study, made
        The study, and where it was made again.
    of
        Which stage, and how it went.
    changed
        Files of the study that are not what their manifests promise, by path.

    Raises
    ------
    DocumentError
        A file cannot be read.
    """
    day = of.session.day
    folder = study.at(of.session).folder(of.stage, day)
    published = read_manifest(folder)
    edited = tuple(
        name
        for name, entry in published.outputs.items()
        if not (folder / name).is_file() or sha256_file(folder / name) != entry.sha256
    )
    if of.refused:
        from_brought = tuple(name for name in sorted(published.inputs) if name in changed)
        return _stage(of, published, edited=edited, follows_from=from_brought)
    again = read_manifest(made.at(of.session).folder(of.stage, day))
    decided = sorted({*published.decisions, *again.decisions})
    follows_from = tuple(
        SAID.get(name, name) for name in decided if published.decisions.get(name) != again.decisions.get(name)
    ) + tuple(
        name
        for name in sorted({*published.inputs, *again.inputs})
        if published.inputs.get(name) != again.inputs.get(name) or name in changed
    )
    differences: list[ReplayedValues] = []
    same: list[str] = []
    for name in sorted({*published.outputs, *again.outputs}):
        paths = [root.at(of.session).folder(of.stage, day) / name for root in (study, made)]
        found = differing_files(of.stage, name, *paths, read_tensors=_tensors)
        if found is None:
            continue
        differences += found
        same += [] if found else [name]
    return _stage(
        of,
        published,
        seconds=again.seconds,
        edited=edited,
        follows_from=follows_from,
        same=tuple(same),
        differences=tuple(differences),
    )


def _stage(
    of: MadeStage,
    published: Manifest,
    *,
    edited: tuple[str, ...],
    follows_from: tuple[str, ...],
    seconds: float = 0.0,
    same: tuple[str, ...] = (),
    differences: tuple[ReplayedValues, ...] = (),
) -> ReplayedStage:
    return ReplayedStage(
        day=of.session.day,
        block=of.session.number,
        stage=of.stage,
        published_by=published.code_version,
        seconds=seconds,
        refused=of.refused,
        edited=edited,
        follows_from=follows_from,
        same_numbers=same,
        differences=differences,
    )


def _tensors(path: Path) -> Mapping[str, Any]:
    from closedloop.models.weight_files import read_safetensors  # noqa: PLC0415 - torch where models differ

    return {name: tensor.numpy() for name, tensor in read_safetensors(path).items()}
