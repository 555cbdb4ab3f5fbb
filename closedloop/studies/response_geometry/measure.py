"""The study from subjects to tables: networks, fitted sites, recorded planes, and whether their intervals hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from closedloop import __version__
from closedloop.access.study import Study
from closedloop.artifacts.tables import Columns
from closedloop.errors import StudyError
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.run import run_pieces
from closedloop.execution.stored.piece import FilePiece, shard_piece
from closedloop.execution.workers import Workers
from closedloop.storage import resolved
from closedloop.studies.files import remove_both, write_both
from closedloop.studies.networks import parse_networks
from closedloop.studies.response_geometry.asked import GeometryOptions
from closedloop.studies.response_geometry.coverage import coverage_rows, coverage_shards, leave_planes
from closedloop.studies.response_geometry.documents import (
    EXPLAINED_ATTACKS,
    GEOMETRY_ATTACKS,
    GEOMETRY_CURVATURES,
    GEOMETRY_PAIRS,
    PLANE_COVERAGE,
    RECORDED_PLANES,
    ResponseGeometryStudy,
)
from closedloop.studies.response_geometry.recorded import ShownPlane, no_planes, recorded_planes, shown_planes
from closedloop.studies.response_geometry.settings import EPSILONS, SCALES, GeometryFiles, GeometrySettings
from closedloop.studies.response_geometry.shards import geometry_shards, leave_shard, read_geometry
from closedloop.studies.response_geometry.subjects import LookedAt, fitted_sites, network_units
from closedloop.studies.response_geometry.tables import (
    attack_rows,
    concatenated,
    curvature_rows,
    explained_rows,
    pair_rows,
)

MADE = "a simulated study, made for this"


@dataclass(frozen=True)
class MeasuredGeometry:
    """What was found: the settings, the tables, and what figures need besides.

    Attributes
    ----------
    document
        What was looked at.
    pairs, curvatures, attacks, explained, planes
        The tables; of planes maybe without a row.
    coverage
        None where it was not asked for.
    drawn
        Responses on the planes of each subject's pairs, (n_pairs, n, n), by the subject's name.
    shown
        Recorded planes.
    """

    document: ResponseGeometryStudy
    pairs: Columns
    curvatures: Columns
    attacks: Columns
    explained: Columns
    planes: Columns
    coverage: Columns | None
    drawn: dict[str, NDArray[Any]]
    shown: tuple[ShownPlane, ...]


def measure_geometry(
    study: Study | None,
    options: GeometryOptions,
    files: GeometryFiles,
    *,
    workers: Workers,
    device: str,
    progress: ProgressCallback,
) -> MeasuredGeometry:
    """Look at all subjects and write settings and tables; stopped and called again, it leaves the same bytes.

    Parameters
    ----------
    study
        Whose fitted sites and planes are looked at; None: of none.
    options
        What was asked for.
    files
        Where results go.
    workers
        Who computes; what is found does not depend on it.
    device
        auto, cpu, cuda, or the name of one device.
    progress
        Called with (pieces done, pieces in total).

    Raises
    ------
    StudyError
        The study has no fitted model, or is no simulated one and its truth was asked for.
    CheckpointError, ProtocolError
        A network cannot be used.
    ExecutionError, StorageError
        Workers were lost, or the disk is full; what was done is kept.
    """
    if options.truth and not (study and study.simulated):
        place = f"{study.path}, a real one" if study else "none"
        raise StudyError(f"--truth: expected a simulated study, found {place}. Leave it out.")
    settings = GeometrySettings(
        n_units=options.n_units, images_per_unit=options.images_per_unit, n_clean=options.n_clean, seed=options.seed
    )
    choices = parse_networks(options.looked_at, architecture=options.architecture)
    subjects = [network_units(choice, settings) for choice in choices]
    name = str(options.study) if options.study else MADE if study else ""
    subjects += [fitted_sites(study, settings, name=name)] if study else []
    folder = resolved(files.shards)
    shards = [geometry_shards(one, settings, folder, device=device) for one in subjects]
    tried = coverage_shards(options.n_simulated_sites, folder, seed=options.seed)
    pieces = [(one, shard_piece(leave_shard, one)) for group in shards for one in group]
    _work([*pieces, *((one, shard_piece(leave_planes, one)) for one in tried)], workers, progress)
    found = [read_geometry(group) for group in shards]
    both = list(zip(subjects, found, strict=True))
    pairs, curvatures, attacks = (
        concatenated([rows(*one) for one in both]) for rows in (pair_rows, curvature_rows, attack_rows)
    )
    planes = recorded_planes(study, truth=options.truth) if study else no_planes()
    measured = MeasuredGeometry(
        document=_document(subjects, options, settings, study, name=name, n_planes=len(planes["day"])),
        pairs=pairs,
        curvatures=curvatures,
        attacks=attacks,
        explained=explained_rows(pairs, curvatures, attacks, scale=settings.scale, seed=options.seed),
        planes=planes,
        coverage=coverage_rows(tried) if tried else None,
        drawn={one.described.name: of["plane"] for one, of in both},
        shown=shown_planes(study) if study else (),
    )
    _write(measured, files)
    return measured


def _work(pieces: list[tuple[Any, FilePiece]], workers: Workers, progress: ProgressCallback) -> None:
    left = [piece for shard, piece in pieces if not shard.path.exists()]

    def report(n_done: int) -> None:
        progress(len(pieces) - len(left) + n_done, len(pieces))

    report(0)
    run_pieces(left, workers, report)


def _document(
    subjects: list[LookedAt],
    options: GeometryOptions,
    settings: GeometrySettings,
    study: Study | None,
    *,
    name: str,
    n_planes: int,
) -> ResponseGeometryStudy:
    return ResponseGeometryStudy(
        simulated=bool(study and study.simulated),
        code_version=__version__,
        seed=options.seed,
        study=name,
        subjects=tuple(one.described for one in subjects),
        epsilons=EPSILONS,
        scales=SCALES,
        principal_scale=settings.scale,
        walk=settings.walk,
        n_clean=settings.n_clean,
        n_planes=n_planes,
        planes=_said_of_planes(study, n_planes),
        n_simulated_sites=options.n_simulated_sites,
    )


def _said_of_planes(study: Study | None, n_planes: int) -> str:
    if study is None:
        return "No study was given: no plane was shown to an animal, real or simulated."
    if not n_planes:
        return (
            "The study has shown no planes of images: its protocol's section plane names no day that is evaluated. "
            "What is said of its sites is said of its model."
        )
    section = study.protocol.plane
    return f"{section.side} x {section.side} images a plane, {section.repetitions} repetitions"


def _write(found: MeasuredGeometry, files: GeometryFiles) -> None:
    found.document.write(files.settings)
    for path, layout, columns in (
        (files.pairs, GEOMETRY_PAIRS, found.pairs),
        (files.curvatures, GEOMETRY_CURVATURES, found.curvatures),
        (files.attacks, GEOMETRY_ATTACKS, found.attacks),
        (files.explained, EXPLAINED_ATTACKS, found.explained),
        (files.planes, RECORDED_PLANES, found.planes),
        (files.coverage, PLANE_COVERAGE, found.coverage),
    ):
        if columns is not None:
            write_both(path, layout, columns, simulated=found.document.simulated)
        else:
            remove_both(path)
