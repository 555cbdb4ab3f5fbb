"""What differs between a published stage and the same one made again: every file, by what the catalog says it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.amended.decided import SAID
from closedloop.artifacts.catalog import CATALOG
from closedloop.artifacts.day.evaluation import PAIRS, SENSITIVITY
from closedloop.artifacts.files.kinds import ArrayFile, DocumentFile, StudyFile, TableFile
from closedloop.artifacts.manifest import Manifest, read_manifest
from closedloop.artifacts.records.replay import ReplayedStage, ReplayedValues
from closedloop.artifacts.study import StudyPaths
from closedloop.confined.npy import map_npy
from closedloop.storage import read_bytes, sha256_file
from closedloop.study.replay.making import MadeStage
from closedloop.study.replay.values import differing_arrays, differing_columns, differing_documents

_KEYS = {
    SENSITIVITY.kind: ("epsilon", "estimate", "truth", "image_set", "site"),
    PAIRS.kind: ("stimulus_id", "kind", "role", "image_id", "neuroid_id", "epsilon"),
}
"""What names a row, where one table may have rows that the other has not."""


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
    folder = study.folder(of.stage, of.day)
    published = read_manifest(folder)
    edited = tuple(
        name
        for name, entry in published.outputs.items()
        if not (folder / name).is_file() or sha256_file(folder / name) != entry.sha256
    )
    if of.refused:
        from_brought = tuple(name for name in sorted(published.inputs) if name in changed)
        return _stage(of, published, edited=edited, follows_from=from_brought)
    again = read_manifest(made.folder(of.stage, of.day))
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
        paths = [folder.folder(of.stage, of.day) / name for folder in (study, made)]
        found = _differing_files(of.stage, name, *paths)
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
        day=of.day,
        stage=of.stage,
        published_by=published.code_version,
        seconds=seconds,
        refused=of.refused,
        edited=edited,
        follows_from=follows_from,
        same_numbers=same,
        differences=differences,
    )


def _differing_files(stage: str, name: str, published: Path, made: Path) -> list[ReplayedValues] | None:
    """Return what differs between two files; None where they are the same bytes, nothing where they say the same."""
    missing = [words for words, path in (("published", made), ("made", published)) if not path.is_file()]
    if missing:
        return [
            ReplayedValues(
                file=name,
                place="",
                n_different=1,
                n_compared=1,
                largest_absolute=None,
                largest_relative=None,
                example=f"{missing[0]} only",
            )
        ]
    if sha256_file(published) == sha256_file(made):
        return None
    file = next((one for one in CATALOG if (one.stage, one.name) == (stage, name)), None)
    if isinstance(file, DocumentFile):
        return differing_documents(name, file.read(published), file.read(made))
    if isinstance(file, TableFile):
        keys = _KEYS.get(file.layout.kind, ())
        return differing_columns(name, file.read(published), file.read(made), keys=keys)
    contents = [_arrays(file, path) for path in (published, made)]
    return differing_arrays(name, contents[0], contents[1])


def _arrays(file: StudyFile | None, path: Path) -> Mapping[str, NDArray[Any]]:
    """Return what a file of arrays or tensors holds, by name; of a file of anything else, its bytes."""
    if isinstance(file, ArrayFile):
        return file.read(path)
    if path.suffix == ".npy":
        return {"array": map_npy(path)}
    if path.suffix == ".safetensors":
        from closedloop.models.weight_files import read_safetensors  # noqa: PLC0415 - torch where models differ

        return {name: tensor.numpy() for name, tensor in read_safetensors(path).items()}
    return {"bytes": np.frombuffer(read_bytes(path), np.uint8)}
