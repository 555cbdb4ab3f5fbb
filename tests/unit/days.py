"""Small days made by hand: a study's surroundings, a stimulus set, responses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.artifacts import catalog
from closedloop.artifacts.day.queue import ImageQueue, QueuedImage
from closedloop.artifacts.day.responses import Site, SiteTable
from closedloop.artifacts.day.stimuli import STIMULI
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, describe_files
from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.protocol.protocol import Protocol, parse_protocol
from closedloop.artifacts.records.inputs import PoolDescription
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.artifacts.tables import as_columns
from closedloop.stages.context import StageContext
from closedloop.storage import publish_folder
from closedloop.study.inputs import record_inputs

SMOKE = Path(__file__).parents[2] / "protocols" / "smoke.yaml"
SIDE_PX = 8
N_CATEGORIES = 4


def protocol(**sections: Any) -> Protocol:
    """Return smoke.yaml with some values of some sections replaced."""
    plain = yaml.safe_load(SMOKE.read_text())
    for name, values in sections.items():
        plain[name] = values if isinstance(values, list) else plain.get(name, {}) | values
    return parse_protocol(yaml.safe_dump(plain).encode(), place="here")


def context(
    root: Path, stage: str, *, day: int = 0, simulated: bool = True, n_per_category: int = 10, **sections: Any
) -> StageContext:
    """Return the surroundings of a stage in a study of a pool of four categories."""
    paths = StudyPaths(root)
    working = paths.working(stage, day)
    working.mkdir(parents=True, exist_ok=True)
    study = StudyDocument(
        simulated=simulated,
        study_id="abc",
        subject="nobody",
        protocol_name="smoke",
        protocol_sha256="p",
        code_version="0",
        arrays=("array1",),
        pool=PoolDescription(
            kind="procedural", side_px=SIDE_PX, seed=1, n_categories=N_CATEGORIES, n_per_category=n_per_category
        ),
        base_model="small_resnet_robust",
    )
    record_inputs(paths, study, protocol(), recorded="init", reading=None)
    return StageContext(paths, study, protocol(**sections), day, stage, working, lambda _done, _total: None)


def queued(prefix: str, n: int) -> tuple[QueuedImage, ...]:
    """Return images named prefix-0 ... of four categories in turn."""
    return tuple(QueuedImage(image_id=f"{prefix}-{i}", category=f"category {i % N_CATEGORIES}") for i in range(n))


def image_queue(day: int, *, clean: int, anchors: int, normalizers: int) -> ImageQueue:
    """Return a queue; clean images are named by day."""
    return ImageQueue(
        simulated=True,
        day=day,
        clean=queued(f"clean-{day}", clean),
        anchors=queued("anchor", anchors),
        normalizers=queued("normalizer", normalizers),
    )


def site_table(day: int, *, index_of: dict[int, int | None]) -> SiteTable:
    """Return a table of electrodes, each with its output of the model or none."""
    sites = tuple(
        Site(
            neuroid_id=f"array1-{electrode:03d}",
            electrode_id=electrode,
            reliability=0.5,
            mean_rate_hz=20,
            sigma_hz=5,
            site_index=index,
        )
        for electrode, index in index_of.items()
    )
    return SiteTable(simulated=True, day=day, sites=sites)


def stimulus(kind: str, role: str, clean_index: int, **values: Any) -> dict[str, Any]:
    """Return a row of the stimulus set, without what follows from its place."""
    usual = {
        "kind": kind,
        "role": role,
        "image_id": f"image-{clean_index}",
        "category": f"category {clean_index % 2}",
        "item_id": "" if kind == "clean" else f"{kind}-{clean_index}",
        "clean_index": clean_index,
        "site_index": -1,
        "epsilon": 0.0,
        "realised_epsilon": 0.0,
        "predicted_clean": np.nan,
        "predicted_attacked": np.nan,
        "predicted_sign": 0,
        "repetitions": 2,
    }
    return usual | values


def pixels(n: int) -> NDArray[np.uint8]:
    """Return n different images."""
    return np.random.default_rng(0).integers(0, 256, (n, SIDE_PX, SIDE_PX, 3), dtype=np.uint8)


def stimulus_columns(rows: Sequence[dict[str, Any]]) -> dict[str, NDArray[Any]]:
    """Return the columns of a stimulus set, as they are read from its file."""
    images = pixels(len(rows))
    whole = [row | {"image_index": i, "stimulus_id": stimulus_id(images[i])} for i, row in enumerate(rows)]
    return {name: np.array(values) for name, values in as_columns(whole, STIMULI).items()}


def write_stimuli(paths: StudyPaths, day: int, rows: Sequence[dict[str, Any]]) -> None:
    """Write a stimulus set where synthesize would."""
    catalog.STIMULI.write(catalog.STIMULI.published(paths, day), stimulus_columns(rows), simulated=True)
    catalog.IMAGES.write(catalog.IMAGES.published(paths, day), {"images": pixels(len(rows))}, simulated=True)


def write_responses(
    paths: StudyPaths,
    day: int,
    *,
    image_index: Sequence[int],
    counts: NDArray[np.float64],
    index_of: dict[int, int | None],
) -> None:
    """Write where ingest would: one presentation a row of the counts, usable where they are numbers.

    Parameters
    ----------
    paths, day
        Whose.
    image_index
        Row of the stimulus set of each presentation.
    counts
        (n_presentations, n_electrodes); spikes, NaN where unusable.
    index_of
        Output of the model, or none, by electrode, in the order of the counts' columns; more of them were not recorded.
    """
    n = len(counts)
    usable = np.isfinite(counts).any(axis=1)
    columns = {
        "ordinal": np.arange(n),
        "presentation_index": np.arange(n)[::-1],
        "image_index": image_index,
        "stimulus_id": ["x"] * n,
        "repetition": np.zeros(n, dtype=int),
        "onset_s": np.where(usable, np.arange(n, dtype=float), np.nan),
        "onset_source": np.where(usable, "code", "none"),
        "used": usable,
        "reason": np.where(usable, "", "lost"),
    }
    electrodes = np.array(list(index_of)[: counts.shape[1]])
    arrays = {"counts": counts, "electrode_id": electrodes}
    catalog.RESPONSES.write(catalog.RESPONSES.published(paths, day), columns, simulated=True)
    catalog.COUNTS.write(catalog.COUNTS.published(paths, day), arrays, simulated=True)
    site_table(day, index_of=index_of).write(catalog.SITES.published(paths, day))


def publish(made: StageContext) -> Path:
    """Publish what a stage wrote, as the loop does; return the folder."""
    Manifest(
        simulated=made.simulated,
        stage=made.stage,
        day=made.day,
        seed=made.seed(),
        code_version=__version__,
        protocol_sha256="p",
        input_hash="i",
        inputs={},
        outputs=describe_files(made.working),
        seconds=0,
        peak_memory_mb=0,
    ).write(made.working / MANIFEST_NAME)
    folder = made.paths.folder(made.stage, made.day)
    publish_folder(made.working, folder)
    return folder
