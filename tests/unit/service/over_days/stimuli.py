"""A day's stimuli as *synthesize* and *schedule* leave them, small: what a page shows of the next session."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts import naming
from closedloop.artifacts.arrays import write_arrays
from closedloop.artifacts.catalog import AUDIT, IMAGES, SESSION_IMAGES, STIMULI
from closedloop.artifacts.day.responses import Site, SiteTable
from closedloop.artifacts.day.stimuli import AUDIT_COLUMNS, STIMULUS_AUDIT, STIMULUS_IMAGES
from closedloop.artifacts.day.stimuli import STIMULI as STIMULI_LAYOUT
from closedloop.artifacts.records.inputs import PoolDescription
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.artifacts.tables import write_table
from closedloop.storage.arrays import save_array
from tests.unit.report.conftest import manifest_of

EPSILONS = (1.0, 2.5, 10.0)
ROOT = Path(__file__).parents[4]


def small_study(root: Path, *, simulated: bool = True) -> StudyPaths:
    """Write a study's identity and protocol, and no day."""
    paths = StudyPaths(root)
    root.mkdir(parents=True)
    shutil.copy(ROOT / "protocols" / "dry_run.yaml", paths.protocol)
    StudyDocument(
        simulated=simulated,
        study_id="5f0c61a2",
        subject="Ada",
        protocol_name="dry_run",
        protocol_sha256="0" * 64,
        code_version="0.1.0",
        arrays=("array1",),
        pool=PoolDescription(kind="procedural", side_px=8, seed=1, n_categories=3, n_per_category=10),
        base_model="small_resnet_robust",
    ).write(paths.study)
    return paths


def publish_stimuli(
    paths: StudyPaths,
    day: int,
    *,
    n_clean: int = 6,
    n_sites: int = 2,
    n_controls: int = 3,
    scheduled: bool = True,
    audited: bool = True,
) -> NDArray[np.uint8]:
    """Publish a day's stimuli: each clean image, an attack on it for every site and epsilon, and some controls.

    Returns
    -------
    NDArray[np.uint8]
        The images, (n_images, 8, 8, 3).
    """
    rng = np.random.default_rng(day)
    clean = rng.integers(20, 236, size=(n_clean, 8, 8, 3))
    rows: list[dict[str, Any]] = [_row("clean", index, index) for index in range(n_clean)]
    pixels = list(clean)
    for index in range(n_clean):
        for site in range(n_sites):
            for epsilon in EPSILONS:
                rows.append(_row("attacked", len(rows), index, site=site, epsilon=epsilon, rng=rng))
                pixels.append(clean[index] + rng.integers(-3, 4, size=clean[index].shape))
    for index in range(n_controls):
        rows.append(_row("gaussian", len(rows), index, epsilon=1.0))
        pixels.append(clean[index] + rng.integers(-3, 4, size=clean[index].shape))
    images = np.array(pixels).astype(np.uint8)
    for row, image in zip(rows, images, strict=True):
        row["stimulus_id"] = naming.stimulus_id(image)
    folder = paths.day(day).folder("synthesize")
    write_table(folder / STIMULI.name, STIMULI_LAYOUT, _columns(rows, STIMULI_LAYOUT.columns), simulated=True)
    if audited:
        changed = [row for row in rows if row["kind"] != "clean"]
        write_table(folder / AUDIT.name, STIMULUS_AUDIT, _columns(changed, STIMULUS_AUDIT.columns), simulated=True)
    write_arrays(folder / IMAGES.name, STIMULUS_IMAGES, {"images": images}, simulated=True)
    manifest_of(paths, day, "synthesize", simulated=True)
    if scheduled:
        save_array(paths.day(day).folder("schedule") / SESSION_IMAGES.name, images)
        manifest_of(paths, day, "schedule", simulated=True)
    return images


def _row(
    kind: str,
    index: int,
    clean: int,
    *,
    site: int = -1,
    epsilon: float = 0.0,
    rng: np.random.Generator | None = None,
) -> dict[str, Any]:
    before, after = (float("nan"),) * 2 if rng is None else rng.normal(size=2).tolist()
    return {
        **dict.fromkeys(AUDIT_COLUMNS, 0),
        "kind": kind,
        "image_index": index,
        "clean_index": clean,
        "role": "clean",
        "image_id": f"image-{clean}",
        "category": f"disc_{clean}",
        "item_id": "" if kind == "clean" else f"item-{index}",
        "site_index": site,
        "epsilon": epsilon,
        "realised_epsilon": 0.9999 * epsilon,
        "predicted_clean": before,
        "predicted_attacked": after,
        "predicted_sign": 0 if rng is None else int(np.sign(after - before)),
        "repetitions": 2,
        "n_clipped": index % 5,
        "luminance_clean": 0.5,
        "luminance_shift": 0.001 * index,
        "contrast_clean": 0.2,
        "predicted_change": after - before,
        "predicted_change_float": after - before,
        "rounding_loss": 0.0 if rng else float("nan"),
        "lattice_bound": 0.9,
    }


def _columns(rows: list[dict[str, Any]], names: Any) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in names}


def publish_sites(paths: StudyPaths, day: int, *sites: Site, simulated: bool = True) -> None:
    """Publish a day's site table."""
    place = paths.day(day).folder("ingest") / "sites.json"
    SiteTable(simulated=simulated, day=day, sites=sites).write(place)
    manifest_of(paths, day, "ingest", simulated=simulated)
