"""Small days made by hand: a study's surroundings, a stimulus set, responses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from closedloop.artifacts.arrays import write_arrays
from closedloop.artifacts.day.queue import ImageQueue, QueuedImage
from closedloop.artifacts.day.responses import Site, SiteTable
from closedloop.artifacts.day.stimuli import STIMULI, STIMULUS_IMAGES
from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.protocol.protocol import Protocol, parse_protocol
from closedloop.artifacts.study import PoolDescription, StudyDocument, StudyPaths
from closedloop.artifacts.tables import as_columns, write_table
from closedloop.stages.context import StageContext

SMOKE = Path(__file__).parents[2] / "protocols" / "smoke.yaml"
SIDE_PX = 8
N_CATEGORIES = 4


def protocol(**sections: dict[str, Any]) -> Protocol:
    """Return smoke.yaml with some values of some sections replaced."""
    plain = yaml.safe_load(SMOKE.read_text())
    for name, values in sections.items():
        plain[name] |= values
    return parse_protocol(yaml.safe_dump(plain).encode(), place="here")


def context(
    root: Path, stage: str, *, day: int = 0, simulated: bool = True, n_per_category: int = 10, **sections: Any
) -> StageContext:
    """Return the surroundings of a stage in a study of a pool of four categories."""
    paths = StudyPaths(root)
    working = paths.day(day).working(stage)
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
    folder = paths.day(day).folder("synthesize")
    write_table(folder / "stimuli.parquet", STIMULI, stimulus_columns(rows), simulated=True)
    write_arrays(folder / "images.h5", STIMULUS_IMAGES, {"images": pixels(len(rows))}, simulated=True)
