"""The study from the options to a folder of results, and the lines that sum it up."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from closedloop.access.opening import open_study
from closedloop.attacks.engine.devices import check_device, own_workers
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import parse_workers
from closedloop.report.wording import number
from closedloop.storage import write_bytes
from closedloop.studies.made_study import make_study
from closedloop.studies.response_geometry.asked import GeometryOptions
from closedloop.studies.response_geometry.measure import MeasuredGeometry, measure_geometry
from closedloop.studies.response_geometry.page import geometry_page
from closedloop.studies.response_geometry.settings import PROTOCOL, GeometryFiles


def find_study(options: GeometryOptions, out: Path, *, workers: str | None, device: str) -> Path | None:
    """Return the folder of the study that is looked at; one is made where neither it nor networks are named.

    Parameters
    ----------
    options
        What was asked for.
    out
        Folder for the results.
    workers
        Who computes, as ``--workers`` takes it; None for this machine.
    device
        As `run_study` takes it; checked here, before a study is made.

    Returns
    -------
    Path or None
        None where networks alone are looked at.

    Raises
    ------
    ExecutionError
        The simulated study failed, or this machine has no such device.
    """
    check_device(device)
    if not options.makes_study:
        return options.study
    return make_study(GeometryFiles(out).made, protocol=PROTOCOL, workers=workers)


def run_study(
    options: GeometryOptions,
    study: Path | None,
    out: Path,
    *,
    workers: str | None,
    device: str,
    progress: ProgressCallback,
) -> list[str]:
    """Look at all subjects, write tables, figures and page, and return what to tell the user.

    Parameters
    ----------
    options
        What was asked for.
    study
        The study's folder; None: networks alone.
    out
        Folder for the results; created if missing.
    workers
        Who computes, as ``--workers`` takes it; None for this machine. The result does not depend on it.
    device
        auto, cpu, cuda, or the name of one device.
    progress
        Called with (pieces done, pieces in total).

    Raises
    ------
    StudyError, DocumentError
        The study cannot be read, or has no fitted model.
    CheckpointError, ProtocolError
        A network cannot be used.
    ExecutionError, StorageError
        Workers were lost, or the disk is full.
    """
    files, opened = GeometryFiles(out), open_study(study) if study else None
    who = own_workers() if workers is None else parse_workers(workers)
    found = measure_geometry(opened, options, files, workers=who, device=device, progress=progress)
    write_bytes(files.page, geometry_page(found, command=options.command()))
    return [*_summary(found), f"Open {files.page}"]


def _summary(found: MeasuredGeometry) -> list[str]:
    width = max(len(one.name) for one in found.document.subjects)
    scale = found.document.principal_scale
    lines = [
        f"{'':{width}}  {'curvature':>10}  {'random':>8}  {'walk kept':>10}  {'straight':>9}  rank correlation "
        "with the "
        f"attack's size at epsilon {', '.join(f'{one:g}' for one in found.document.epsilons)}"
    ]
    for one in found.document.subjects:
        pairs, curved = (table["subject"] == one.name for table in (found.pairs, found.curvatures))
        at = curved & (found.curvatures["scale"] == scale)
        size = {
            direction: np.nanmedian(
                np.abs(found.curvatures["curvature"][at & (found.curvatures["direction"] == direction)])
            )
            for direction in ("first", "random")
        }
        kept, straight = (np.nanmedian(found.pairs[name][pairs]) for name in ("walked", "straight"))
        lines.append(
            f"{one.name:{width}}  {size['first']:10.3f}  {size['random']:8.3f}  {kept:10.5f}  {straight:9.3f}  "
            f"{_explained(found, one.name)}"
        )
    lines.append(f"Curvature: median size along the principal direction, in 1/epsilon, at the scale {scale:g}.")
    return [*lines, *_planes(found)]


def _explained(found: MeasuredGeometry, subject: str) -> str:
    table = found.explained
    own = (table["subject"] == subject) & (table["search"] == "plain") & (table["of"] == "size")
    parts = []
    for by in ("steepness", "curvature"):
        rho = table["rho"][own & (table["by"] == by)]
        parts.append(f"{by} {', '.join(f'{one:.2f}' for one in rho)}")
    return "; ".join(parts)


def _planes(found: MeasuredGeometry) -> list[str]:
    lines = []
    planes = found.planes
    if not len(planes["day"]):
        lines.append(found.document.planes)
    for row in range(len(planes["day"])):
        own = {name: column[row] for name, column in planes.items()}
        place, foretold = f"{own['neuroid_id']}, day {own['day']}", _foretold(float(own["foretold_edge"]))
        if np.isnan(own["edge"]):
            lines.append(f"{place}: hardly shown; bend at the edge {foretold}")
            continue
        low, high = own["curvature_low"], own["curvature_high"]
        told = f"[{low:.4f}, {high:.4f}]" if np.isfinite(low) else "no interval: the slope is not sure"
        lines.append(
            f"{place}: curvature {number(own['curvature'])} {told}; bend at the edge {own['edge']:.2f} "
            f"[{own['edge_low']:.2f}, {own['edge_high']:.2f}] sigma, {foretold}"
        )
    if found.coverage is not None:
        rates = dict(zip(found.coverage["of"].tolist(), found.coverage["rate"].tolist(), strict=True))
        lines.append(
            f"On {found.coverage['n'][0]} simulated sites the interval of the bend holds the truth in "
            f"{100 * rates['edge']:.1f} %, that of the curvature in {100 * rates['curvature']:.1f} %."
        )
    return lines


def _foretold(edge: float) -> str:
    return f"foretold {edge:.2f} sigma" if np.isfinite(edge) else "what was foretold is not known in sigma"
