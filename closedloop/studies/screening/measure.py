"""Layers of networks compared with IT by three criteria: appendix 6.1, Figure 6.

What each is, and the sentence it comes from ("the training epsilon and layer for the base model of IT are chosen by
three independent criteria"):

A, cka
    "global representational similarity to IT as measured by CKA": linear CKA without its bias, of all features of a
    layer and the sites' mean responses.
B, ridge and pls
    "cross-validated linear predictivity for IT responses": held-out correlation over the sites' noise ceiling.
C, transfer
    "how well does perturbations targeted toward a model layer transfers to IT neurons without any explicit mapping
    between the two systems": images that displace all features of a layer as far as can be, and the RMS change that
    they cause at the sites, its noise taken out by the repetitions.
intervals
    Not in the paper: over images, by halving them (`closedloop.analysis.representation.halves`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from closedloop import __version__
from closedloop.analysis.representation.cka import cka_ceiling
from closedloop.analysis.representation.held_out import mean_ceiling
from closedloop.artifacts.tables import Columns
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.run import run_pieces
from closedloop.execution.stored.piece import shard_piece
from closedloop.execution.workers import HERE, Workers
from closedloop.storage import resolved
from closedloop.studies.files import write_both
from closedloop.studies.screening.asked import ScreenedNetwork
from closedloop.studies.screening.documents import (
    SCREENING_CELLS,
    SCREENING_NETWORKS,
    SCREENING_SITES,
    ScreenedLayers,
    ScreeningStudy,
)
from closedloop.studies.screening.responses import (
    Floats,
    ImageResponses,
    ScreenedResponses,
    complete_responses,
    simulated_responses,
    study_responses,
    table_responses,
)
from closedloop.studies.screening.settings import ScreeningFiles, ScreeningSettings
from closedloop.studies.screening.shards import (
    LayerAttackShard,
    LayerLikenessShard,
    halvings_of,
    leave_attacks,
    leave_likeness,
    read_attacks,
    read_likeness,
)
from closedloop.studies.screening.systems import Cell, cells_of
from closedloop.studies.screening.tables import (
    cell_table,
    likeness_criteria,
    network_table,
    site_table,
    transfer_criteria,
)
from closedloop.studies.screening.transfer import TransferImages, simulated_squares, table_squares, write_images
from closedloop.studies.simulated_subject import StudySubject

_LIKENESS_COST, _ATTACK_COST, _SHOWING_COST = 10, 2, 8  # CPU-seconds of a layer of a small network, for the time left


@dataclass(frozen=True)
class Screening:
    """What to compare with what.

    Attributes
    ----------
    networks
        The trained ones, in the order of the figure.
    study, responses
        Whose responses: a study's folder or a table; both None for the subject's.
    transfer
        Table of responses to the layer-targeted images; None where there is none.
    subject
        The simulated subject.
    settings
        How.
    """

    networks: tuple[ScreenedNetwork, ...]
    study: Path | None
    responses: Path | ImageResponses | None
    transfer: Path | None
    subject: StudySubject
    settings: ScreeningSettings

    @property
    def in_memory(self) -> bool:
        """Whether a simulated subject answers, who can be shown anything."""
        return self.study is None and self.responses is None


def screen(
    screening: Screening,
    folder: Path,
    *,
    workers: Workers = HERE,
    device: str = "auto",
    progress: ProgressCallback | None = None,
) -> ScreeningStudy:
    """Compare all layers with the sites, and write settings and tables (parquet and csv) into a folder.

    Stopped at any point and called again, it resumes and leaves the same bytes.

    Parameters
    ----------
    screening
        What to compare.
    folder
        Where results go; made if missing. Pieces of another screening in it are used where they fit.
    workers, device
        Who does the work, and where; what is found does not depend on the workers.
    progress
        Called with (work done, in total).

    Raises
    ------
    CheckpointError, ProtocolError
        A network cannot be used.
    StudyError, DocumentError, ImageError
        The responses or their images cannot be used.
    ExecutionError, StorageError
        Workers were lost, or the disk is full; what was done is kept.
    """
    files, settings = ScreeningFiles(folder), screening.settings
    shards = resolved(files.shards)
    found = complete_responses(_responses(screening), settings)
    kept = found.kept
    cells = cells_of(screening.networks, side_px=kept.pixels.shape[1], seed=settings.seed_of("random weights"))
    likeness = [LayerLikenessShard(cell.source, kept, settings, device, shards) for cell in cells]
    n_attacked = settings.n_attacked if settings.epsilons else 0
    attacked = np.random.default_rng(settings.seed_of("attacked")).permutation(kept.n_images)[:n_attacked]
    names, pixels = tuple(kept.names[place] for place in attacked), kept.pixels[attacked]
    attacks = [
        [
            LayerAttackShard(cell.source, names, pixels, epsilon, settings, device, max(workers.n, 1), shards)
            for epsilon in settings.epsilons
        ]
        for cell in cells
    ]
    report = _run(likeness, [one for of_cell in attacks for one in of_cell], workers, progress)
    images = TransferImages(names, pixels, tuple(tuple(map(read_attacks, of_cell)) for of_cell in attacks))
    squares = _transfer(screening, images, cells, found, files=files, folder=shards)
    report()
    compared = [read_likeness(shard) for shard in likeness]
    criteria = likeness_criteria(compared, n_images=kept.n_images)
    if squares is not None:
        halvings = halvings_of(len(names), settings, of="attacked images")
        criteria += transfer_criteria(squares / kept.sigma**2, halvings, epsilons=settings.epsilons)
    document = _document(screening, found, cells, n_attacked=len(names), squares=squares)
    document.write(files.settings)
    _write(files, cell_table(criteria, cells, [int(one.n_features[0]) for one in compared]), kept.simulated)
    of_sites = site_table(compared, cells, kept.halves, kept.sites)
    write_both(files.sites, SCREENING_SITES, of_sites, simulated=kept.simulated)
    write_both(files.networks, SCREENING_NETWORKS, network_table(criteria, cells), simulated=kept.simulated)
    return document


def _write(files: ScreeningFiles, table: Columns, simulated: bool) -> None:
    write_both(files.cells, SCREENING_CELLS, table, simulated=simulated)


def _responses(screening: Screening) -> ImageResponses:
    if screening.study is not None:
        return study_responses(screening.study)
    if isinstance(screening.responses, ImageResponses):
        return screening.responses
    if screening.responses is not None:
        opened = cells_of(screening.networks[:1], side_px=1, seed=0)[0]
        return table_responses(screening.responses, side_px=opened.source.side_px)
    return simulated_responses(screening.subject, screening.settings)


def _run(
    likeness: Sequence[LayerLikenessShard],
    attacks: Sequence[LayerAttackShard],
    workers: Workers,
    progress: ProgressCallback | None,
) -> Callable[[], None]:
    """Do what is not done yet, and return what reports that all is."""
    pieces = [
        *((shard.path, shard_piece(leave_likeness, shard), _LIKENESS_COST) for shard in likeness),
        *((shard.path, shard_piece(leave_attacks, shard), _ATTACK_COST) for shard in attacks),
    ]
    left = [piece for piece in pieces if not piece[0].exists()]
    total = sum(cost for *_, cost in pieces) + _SHOWING_COST
    done = total - _SHOWING_COST - sum(cost for *_, cost in left)
    costs = [cost for *_, cost in left]

    def tell(n_done: int) -> None:
        if progress is not None:
            progress(done + sum(costs[:n_done]), total)

    def finish() -> None:
        if progress is not None:
            progress(total, total)

    tell(0)
    run_pieces([work for _, work, _ in left], workers, tell)
    return finish


def _transfer(
    screening: Screening,
    images: TransferImages,
    cells: Sequence[Cell],
    found: ScreenedResponses,
    *,
    files: ScreeningFiles,
    folder: Path,
) -> Floats | None:
    """Return each change's square at each site, in the responses' unit; None where nobody was shown the images."""
    settings = screening.settings
    if not settings.epsilons:
        return None
    if screening.in_memory:
        return simulated_squares(images, screening.subject, settings, folder=folder)
    squares = None
    if screening.transfer is not None:  # a table of other images is refused before those that it names are removed
        squares = table_squares(screening.transfer, images, cells, found.kept, epsilons=settings.epsilons)
    write_images(images, cells, files, epsilons=settings.epsilons, simulated=found.kept.simulated)
    return squares


def _document(
    screening: Screening, found: ScreenedResponses, cells: Sequence[Cell], *, n_attacked: int, squares: Floats | None
) -> ScreeningStudy:
    kept, settings = found.kept, screening.settings
    shown = "not made" if not settings.epsilons else "measured" if screening.transfer is not None else "not shown"
    ceiling = cka_ceiling(*kept.halves)
    lost = np.isnan(squares) if squares is not None else np.zeros((1, 1, 1, 1), dtype=bool)
    return ScreeningStudy(
        simulated=kept.simulated,
        code_version=__version__,
        seed=settings.seed,
        networks=tuple(_described(cells, name) for name in dict.fromkeys(cell.network for cell in cells)),
        responses=kept.origin,
        n_images=kept.n_images,
        n_images_left_out=found.n_images_left_out,
        n_sites=len(kept.sites),
        n_sites_left_out=found.n_sites_left_out,
        n_presentations=len(kept.rates),
        reliability_ceiling=mean_ceiling(kept.halves),
        cka_ceiling=ceiling if np.isfinite(ceiling) else None,
        n_folds=settings.n_folds,
        n_halvings=settings.n_halvings,
        transfer="simulated" if screening.in_memory and settings.epsilons else shown,
        epsilons=settings.epsilons,
        n_attacked=n_attacked,
        n_shown_left_out=int(lost.all(axis=-1).sum()),
        n_shown_sites_left_out=int(lost.all(axis=(0, 1, 2)).sum()),
        repetitions=settings.repetitions if screening.in_memory else 0,
        search=repr(settings.search),
        lattice_steps=settings.lattice.steps,
    )


def _described(cells: Sequence[Cell], name: str) -> ScreenedLayers:
    own = [cell for cell in cells if cell.network == name]
    source = own[0].source
    return ScreenedLayers(
        name=name,
        kind=source.kind,
        training_epsilon=own[0].training_epsilon,
        architecture=source.architecture,
        sha256=source.sha256,
        side_px=source.side_px,
        layers=tuple(cell.layer for cell in own),
    )
