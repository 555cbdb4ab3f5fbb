"""Whether the intervals of planes hold the truth: planes of simulated sites, shown in memory, with all of their noise.

Each site has one plane of the protocol's size through an image of its own, spanned by the hidden cortex's own gradient
and principal direction: what a model without fault would name. The truth is what the same fit says of the hidden rates,
times what the session's adaptation leaves of a site's mean rate: some hundredths less, which change no curvature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.analysis.dispersion import sigma
from closedloop.analysis.geometry.plane_fit import PlaneFit, fit_plane
from closedloop.analysis.intervals import student_95, wilson
from closedloop.analysis.repetitions import repetitions_of
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.protocol.plane import ImagePlanes
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.artifacts.tables import Columns
from closedloop.attacks.balls import PAPER_SIDE_PX
from closedloop.attacks.geometry.axes import plane_axes
from closedloop.attacks.geometry.planes import PlaneImages, plane_images
from closedloop.attacks.synthesis.shards import read_shard, write_shard
from closedloop.execution.shards import made_once, shard_name
from closedloop.studies.response_geometry.documents import PLANE_COVERAGE
from closedloop.studies.response_geometry.settings import PROTOCOL
from closedloop.studies.simulated_subject import StudySubject

Floats = NDArray[np.float64]

KINDS = ("edge", "curvature")

_FORMAT = "planes 2"
_A_SUBJECT = 20  # sites of one simulated subject
_NAMES = ("truth", "low", "high")


@dataclass(frozen=True)
class SimulatedPlanes:
    """The planes of some sites of one simulated subject.

    Attributes
    ----------
    number
        Of the subject.
    n_sites
        ImagePlanes.
    seed
        Of the study.
    section
        The protocol's, by which planes are made.
    folder
        Where its file goes.
    """

    number: int
    n_sites: int
    seed: int
    section: ImagePlanes
    folder: Path

    @property
    def path(self) -> Path:
        """Its file, named by all that decides what is in it."""
        name = shard_name(_FORMAT, __version__, self.number, self.n_sites, self.seed, self.section.model_dump_json())
        return self.folder / f"{name}.npz"


def coverage_shards(n_sites: int, folder: Path, *, seed: int) -> list[SimulatedPlanes]:
    """Return the pieces of the work, a subject each.

    Parameters
    ----------
    n_sites
        In all.
    folder
        Where their files go.
    seed
        Of the study.
    """
    section = read_protocol(shipped_protocols()[PROTOCOL]).plane
    return [
        SimulatedPlanes(number, min(_A_SUBJECT, n_sites - number * _A_SUBJECT), seed, section, folder)
        for number in range(-(-n_sites // _A_SUBJECT))
    ]


def leave_planes(shard: SimulatedPlanes) -> None:
    """Show a piece's planes, unless its file is there, and leave the file."""
    if not shard.path.exists():
        made_once(shard.path, partial(write_shard, simulate_planes(shard)))


def coverage_rows(shards: Sequence[SimulatedPlanes]) -> Columns:
    """Return how many of the intervals of all pieces hold the truth.

    Raises
    ------
    DocumentError
        A file is missing, or not what a piece leaves.
    """
    found = [read_shard(shard.path, names=_NAMES) for shard in shards]
    truth, low, high = (np.concatenate([part[name] for part in found]) for name in _NAMES)
    held = (low <= truth) & (truth <= high)
    rows = []
    for place, kind in enumerate(KINDS):
        n, n_held, bounded = len(truth), int(held[:, place].sum()), np.isfinite(low[:, place])
        widths = (high - low)[bounded, place]
        ends = wilson(n_held, n)
        rows.append((kind, n, n_held, n_held / n, *ends, int((~bounded).sum()), float(np.median(widths))))
    return {
        name: np.array(column) for name, column in zip(PLANE_COVERAGE.columns, zip(*rows, strict=True), strict=True)
    }


def simulate_planes(shard: SimulatedPlanes) -> dict[str, NDArray[Any]]:
    """Return truth and interval of each site's bend at the edge and curvature, (n_sites, 2) each.

    Parameters
    ----------
    shard
        Which sites of which subject.
    """
    subject = StudySubject(f"planes {shard.number}", derive_seed(shard.seed, "planes"), n_sites=shard.n_sites)
    clean = subject.images("planes", shard.n_sites)
    made = _planes_of(subject, clean, shard)
    shown = np.concatenate([np.concatenate([image[None], one.shown]) for image, one in zip(clean, made, strict=True)])
    repetitions = np.full(len(shown), shard.section.repetitions, dtype=np.int64)
    rates, order = subject.presentations(shown, repetitions, day=0, block="planes")
    by_image = repetitions_of(rates, order, n_images=len(shown))
    true = subject.true_rates_hz(shown, day=0)
    true *= rates.mean(axis=0) / true[order].mean(axis=0)  # of thousands of presentations: known within a thousandth
    scale = sigma(subject.true_rates_hz(subject.screened, day=0))
    per_px, n_each = PAPER_SIDE_PX / clean.shape[1], len(shard.section.places) + 1
    found: dict[str, list[list[float]]] = {name: [] for name in _NAMES}
    for site, one in enumerate(made):
        rows = slice(site * n_each, (site + 1) * n_each)
        along, across = (np.r_[0.0, getattr(one, name)] * per_px for name in ("along", "across"))
        measured = fit_plane(along, across, by_image[rows, site] / scale[site])
        hidden = fit_plane(along, across, np.repeat(true[rows, site, None], 2, axis=1) / scale[site])
        if measured is None or hidden is None:
            raise ValueError(f"expected planes of some images shown twice, found {shard.section}")
        for name, values in zip(_NAMES, _beside(measured, hidden, shard.section.extent), strict=True):
            found[name].append(values)
    return {name: np.array(values) for name, values in found.items()}


def _planes_of(subject: StudySubject, clean: NDArray[np.uint8], shard: SimulatedPlanes) -> list[PlaneImages]:
    electrodes = subject.sites.tolist()
    seeds = [derive_seed(shard.seed, "planes", shard.number, "axes", electrode) for electrode in electrodes]
    axes = plane_axes(subject.cortex.response_model(0), clean, electrodes, scale=shard.section.scale, seeds=seeds)
    places = np.array(shard.section.places) * clean.shape[1] / PAPER_SIDE_PX
    return [
        plane_images(image, (along.astype(np.float64), across.astype(np.float64)), places)
        for image, along, across in zip(clean, axes.gradient, axes.principal, strict=True)
    ]


def _beside(measured: PlaneFit, hidden: PlaneFit, extent: float) -> tuple[list[float], list[float], list[float]]:
    to_edge = extent**2 / 2
    half = student_95(measured.degrees) * measured.bend_error
    low, high = measured.curvature_interval
    return (
        [hidden.bend * to_edge, hidden.curvature],
        [(measured.bend - half) * to_edge, low],
        [(measured.bend + half) * to_edge, high],
    )
