"""How far single units of a network can be moved: section 3.2, the black markers of Figure 1A, on any network.

What each number is, and the sentence it comes from:

sensitivity
    ``max |h_i(x) - h_i(x + delta)|`` over ``|delta| <= epsilon`` (eq. 3), mean over images (eq. 2), divided by the SD
    over clean images ("the same response normalization is applied to each artificial neural site", section 2).
units
    Of "the penultimate layer (i.e. average pooling layer in ResNet50s)" (section 3.2). How many, and which, the paper
    does not say: here drawn at random among those that vary.
grey line
    "Standard deviation of either IT neural or DNN unit responses on clean images" (Figure 1): 1 in these units.
random pairs
    "average absolute difference in IT neural responses evoked by a pair of random images" (Figure 1), here of units.
error bars
    "mean ± s.d." (Figure 1): over units. The interval beside it, of the mean, is ours.
search
    "best out of 100 independent runs", both directions, "250 steps ... first with a ball of radius 2 epsilon and
    finally with one of radius epsilon", "steps of size epsilon", reduced "by 10% every time no progress is made",
    "repeated up to 4 times" (section 3.2): `STRENGTHENED`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from closedloop import __version__
from closedloop.analysis.units import normalized_random_pair
from closedloop.artifacts.tables import Columns
from closedloop.attacks.engine.batch_size import BatchSize
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.run import run_pieces
from closedloop.execution.stored.piece import shard_piece
from closedloop.execution.workers import HERE, Workers
from closedloop.storage import resolved
from closedloop.studies.files import write_both
from closedloop.studies.networks import NetworkChoice, OpenNetwork, open_network
from closedloop.studies.unit_sensitivity.choice import DrawnImages, DrawnUnits, draw_images, draw_units, pairs
from closedloop.studies.unit_sensitivity.documents import (
    UNIT_CHANGES,
    UNIT_SENSITIVITY,
    StrengthenedSearch,
    StudiedNetwork,
    UnitSensitivityStudy,
)
from closedloop.studies.unit_sensitivity.settings import StudyFiles, UnitStudy
from closedloop.studies.unit_sensitivity.shards import UnitShard, leave_shard, pairs_per_shard, read_changes
from closedloop.studies.unit_sensitivity.tables import summarise


@dataclass(frozen=True)
class _Part:
    """One network's share of the study."""

    choice: NetworkChoice
    network: OpenNetwork
    images: DrawnImages
    units: DrawnUnits
    pairs: list[tuple[int, int]]


@dataclass(frozen=True)
class _Means:
    """Where and by whom the work is done; the result does not depend on it."""

    workers: Workers
    device: str
    batch_size: BatchSize
    folder: Path


def measure_units(
    study: UnitStudy,
    folder: Path,
    *,
    workers: Workers = HERE,
    device: str = "auto",
    batch_size: BatchSize = "auto",
    progress: ProgressCallback | None = None,
) -> UnitSensitivityStudy:
    """Attack the units of all networks and write settings and tables (parquet and csv) into a folder.

    Stopped at any point and called again, it resumes and leaves the same bytes.

    Parameters
    ----------
    study
        What to measure.
    folder
        Where results go; made if missing. Pieces of another study in it are used where they fit.
    workers, device, batch_size
        Who does the work, where, and how many images at once; what is found does not depend on them.
    progress
        Called with (pieces done, pieces in total).

    Raises
    ------
    CheckpointError, ProtocolError
        A network cannot be used.
    ImageError
        The images cannot be used.
    ExecutionError, StorageError
        Workers were lost, or the disk is full; what was done is kept.
    """
    files = StudyFiles(folder)
    means = _Means(workers, device, batch_size, resolved(files.shards))
    parts = _parts(study)
    shards = [_shards(study, part, means) for part in parts]
    _search([shard for group in shards for shard in group], workers, progress)
    found = [_rows(part, group, study) for part, group in zip(parts, shards, strict=True)]
    changes = {name: np.concatenate([columns[name] for columns in found]) for name in UNIT_CHANGES.columns}
    document = _document(study, parts)
    document.write(files.settings)
    write_both(files.changes, UNIT_CHANGES, changes, simulated=False)
    write_both(files.sensitivity, UNIT_SENSITIVITY, summarise(changes, seed=study.seed), simulated=False)
    return document


def _search(shards: Sequence[UnitShard], workers: Workers, progress: ProgressCallback | None) -> None:
    left = [shard for shard in shards if not shard.path.exists()]

    def report(n_done: int) -> None:
        if progress is not None:
            progress(len(shards) - len(left) + n_done, len(shards))

    report(0)
    run_pieces([shard_piece(leave_shard, shard) for shard in left], workers, report)


def _parts(study: UnitStudy) -> list[_Part]:
    opened = {choice: open_network(choice) for choice in study.networks}
    sides = sorted({network.side_px for network in opened.values()})
    images = {side: draw_images(study.images, side_px=side, n=study.n_clean, seed=study.seed) for side in sides}
    return [_part(study, choice, network, images[network.side_px]) for choice, network in opened.items()]


def _part(study: UnitStudy, choice: NetworkChoice, network: OpenNetwork, images: DrawnImages) -> _Part:
    model = network.units.load(torch.device("cpu"))
    units = draw_units(model, images, n=study.n_units, seed=study.seed)
    chosen = pairs(units.chosen, n_images=len(images.ids), images_per_unit=study.images_per_unit)
    return _Part(choice, network, images, units, chosen)


def _shards(study: UnitStudy, part: _Part, means: _Means) -> list[UnitShard]:
    size = pairs_per_shard(study.search, side_px=part.network.side_px, device=means.device)
    groups = [part.pairs[start : start + size] for start in range(0, len(part.pairs), size)]
    return [
        UnitShard(
            network=part.network.units,
            units=tuple(unit for unit, _ in group),
            image_ids=tuple(part.images.ids[image] for _, image in group),
            pixels=part.images.pixels[[image for _, image in group]],
            epsilons=study.epsilons,
            search=study.search,
            warm_start=study.warm_start,
            seed=study.seed,
            batch_size=means.batch_size,
            device=means.device,
            n_sharing=max(means.workers.n, 1),
            folder=means.folder,
        )
        for group in groups
    ]


def _rows(part: _Part, shards: Sequence[UnitShard], study: UnitStudy) -> Columns:
    """Return what a network's shards found, a row a (unit, image, epsilon)."""
    found = read_changes(shards)
    unit, image = (
        np.repeat(np.array(column, np.int64), len(study.epsilons)) for column in zip(*part.pairs, strict=True)
    )
    change, spread = found.larger.ravel(), part.units.sigma[unit]
    return {
        "network": np.full(unit.size, part.choice.name, dtype=object),
        "unit": unit,
        "image_id": np.array(part.images.ids, dtype=object)[image],
        "epsilon": np.tile(study.epsilons, len(part.pairs)),
        "response_clean": part.units.responses[image, unit],
        "change_up": found.up.ravel(),
        "change_down": found.down.ravel(),
        "change": change,
        "sd": spread,
        "sensitivity": np.abs(change) / spread,
        "random_pair": normalized_random_pair(part.units.responses)[unit],
        "n_gradients": found.n_gradients.ravel(),
    }


def _document(study: UnitStudy, parts: Sequence[_Part]) -> UnitSensitivityStudy:
    pools = {part.network.side_px: part.images.pool for part in parts}
    return UnitSensitivityStudy(
        simulated=False,
        code_version=__version__,
        seed=study.seed,
        networks=tuple(_described(part) for part in parts),
        image_pools=tuple(pools[side] for side in sorted(pools)),
        n_clean=len(parts[0].images.ids),
        images_per_unit=study.images_per_unit,
        epsilons=study.epsilons,
        search=StrengthenedSearch(**study.search.settings, ladder=study.warm_start),
    )


def _described(part: _Part) -> StudiedNetwork:
    return StudiedNetwork(
        name=part.choice.name,
        source=part.choice.source,
        sha256=part.network.units.sha256,
        architecture=part.network.architecture,
        layer=part.choice.layer,
        side_px=part.network.side_px,
        n_units=part.units.n_units,
        n_silent=part.units.n_silent,
        units=part.units.chosen,
    )
