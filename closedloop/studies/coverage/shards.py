"""The work cut into pieces: a subject with its experiments is a file, named by everything it depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.attacks.synthesis.shards import read_shard, write_shard
from closedloop.execution.shards import made_once, shard_name
from closedloop.studies.coverage.estimates import Judged, Rang, judge
from closedloop.studies.coverage.settings import CoverageStudy
from closedloop.studies.coverage.subject import simulate_subject

Arrays = dict[str, NDArray[Any]]

_FORMAT = "coverage 2"
_JUDGED, _RANG = "interval_", "alarm_"
_OF_EXPERIMENT = ("subject", "experiment", "repetitions")
_NAMES = tuple(
    prefix + name
    for prefix, kind in ((_JUDGED, Judged), (_RANG, Rang))
    for name in (*_OF_EXPERIMENT, *(field.name for field in fields(kind)))
)
_TEXTS = (f"{_JUDGED}quantity", f"{_JUDGED}over", f"{_RANG}test")


@dataclass(frozen=True)
class CoverageShard:
    """The experiments of one subject.

    Attributes
    ----------
    study
        The design.
    subject
        Number of the subject.
    experiments
        Their numbers.
    folder
        Where its file goes.
    """

    study: CoverageStudy
    subject: int
    experiments: tuple[int, ...]
    folder: Path

    @property
    def path(self) -> Path:
        """Its file; how many experiments the study has plays no part, so that more of them may be asked for later."""
        design = replace(self.study, n_experiments=1)
        name = shard_name(_FORMAT, __version__, repr(design), self.subject, repr(self.experiments))
        return self.folder / f"{name}.npz"


def coverage_shards(study: CoverageStudy, folder: Path) -> list[CoverageShard]:
    """Return the pieces of a study, a subject each."""
    starts = range(0, study.n_experiments, study.experiments_a_subject)
    return [
        CoverageShard(
            study, place, tuple(range(study.n_experiments)[start : start + study.experiments_a_subject]), folder
        )
        for place, start in enumerate(starts)
    ]


def leave_shard(shard: CoverageShard) -> None:
    """Make a piece's experiments, unless its file is there, and leave the file."""
    if not shard.path.exists():
        torch.set_num_threads(1)
        made_once(shard.path, partial(write_shard, _made(shard)))


def read_shards(shards: Sequence[CoverageShard]) -> tuple[Arrays, Arrays]:
    """Read all intervals and all alarms, a numpy array a column.

    Raises
    ------
    DocumentError
        A file is missing, or not what a piece leaves.
    """
    found = [read_shard(shard.path, names=_NAMES) for shard in shards]
    joined = {name: np.concatenate([_unpacked(name, part[name]) for part in found]) for name in _NAMES}
    judged, rang = (
        {name.removeprefix(prefix): column for name, column in joined.items() if name.startswith(prefix)}
        for prefix in (_JUDGED, _RANG)
    )
    return judged, rang


def _made(shard: CoverageShard) -> Arrays:
    subject = simulate_subject(shard.study, shard.subject)
    rows: dict[str, list[tuple[Any, ...]]] = {_JUDGED: [], _RANG: []}
    for experiment in shard.experiments:
        for n_repetitions in shard.study.repetitions:
            judged, rang = judge(subject, shard.study, experiment, n_repetitions)
            of_experiment = shard.subject, experiment, n_repetitions
            rows[_JUDGED] += [(*of_experiment, *astuple(one)) for one in judged]
            rows[_RANG] += [(*of_experiment, *astuple(one)) for one in rang]
    columns = [column for kind in rows.values() for column in zip(*kind, strict=True)]
    return {name: _packed(np.array(column)) for name, column in zip(_NAMES, columns, strict=True)}


def _packed(column: NDArray[Any]) -> NDArray[Any]:
    """Return texts as the bytes of their lines: a shard holds numbers alone."""
    if column.dtype.kind != "U":
        return column
    return np.frombuffer("\n".join(column.tolist()).encode(), dtype=np.uint8)


def _unpacked(name: str, column: NDArray[Any]) -> NDArray[Any]:
    return np.array(column.tobytes().decode().split("\n")) if name in _TEXTS else column
