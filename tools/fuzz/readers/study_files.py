"""What a study consists of, besides text: arrays, tables, weights, the ledger."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from closedloop.artifacts.arrays import array_writer, read_arrays, read_rows, write_arrays
from closedloop.artifacts.day.responses import RESPONSE_COUNTS, SPIKES
from closedloop.artifacts.day.session import PRESENTATIONS
from closedloop.artifacts.day.stimuli import STIMULUS_IMAGES
from closedloop.artifacts.layouts import ArrayLayout
from closedloop.artifacts.tables import is_simulated, read_table, write_table
from closedloop.attacks.synthesis.shards import read_shard, write_shard
from closedloop.models.backbones import build_classifier
from closedloop.models.checkpoints import load_site_model, open_base_model, save_site_model
from closedloop.models.site_model import build_site_model
from closedloop.study.ledger import ledger_fault, open_ledger, read_records
from tools.fuzz.mutations import spoil_bytes
from tools.fuzz.reader import Reader

_LAYOUTS: dict[str, ArrayLayout] = {
    "responses": RESPONSE_COUNTS,
    "spikes": SPIKES,
    "images": STIMULUS_IMAGES,
}
_HEADER_BYTES = 4096  # where weight files say what they hold


def make_arrays(folder: Path) -> None:
    """Write array files: of one run of bytes, of chunks, of images."""
    random = np.random.default_rng(0)
    counts, electrodes = random.poisson(3.0, (40, 6)).astype(float), np.arange(6)
    write_arrays(
        folder / "responses.h5", RESPONSE_COUNTS, {"counts": counts, "electrode_id": electrodes}, simulated=True
    )
    with array_writer(folder / "spikes.h5", SPIKES, simulated=True) as append:
        append({name: random.integers(0, 90, 500) for name in SPIKES.datasets})
    images = random.integers(0, 256, (30, 8, 8, 3), dtype=np.uint8)
    write_arrays(folder / "images.h5", STIMULUS_IMAGES, {"images": images}, simulated=True)


def read_array_file(file: Path) -> None:
    """Read all of an array file, and one row."""
    layout = _LAYOUTS[file.stem]
    read_arrays(file, layout)
    read_rows(file, layout, name=next(iter(layout.datasets)), rows=[0])


def make_tables(folder: Path) -> None:
    """Write a table of numbers and texts."""
    n = 300
    columns = {
        "presentation_index": range(n),
        "stimulus_id": [f"{place % 40:016x}" for place in range(n)],
        "image_index": [place % 40 for place in range(n)],
        "repetition": [place // 40 for place in range(n)],
    }
    write_table(folder / "presentations.parquet", PRESENTATIONS, columns, simulated=True)


def read_table_file(file: Path) -> None:
    """Read a table and its mark."""
    read_table(file, PRESENTATIONS)
    is_simulated(file)


def make_weights(folder: Path) -> None:
    """Write a site model, and a state dict by torch in both of its formats."""
    base = open_base_model("small_resnet_vanilla", layer="layer1.0")
    save_site_model(folder / "model.safetensors", build_site_model(base, n_sites=2, side_px=32, seed=0))
    state = build_classifier("small_resnet", seed=0).state_dict()
    torch.save(state, folder / "weights.pt")
    torch.save(state, folder / "older.pt", _use_new_zipfile_serialization=False)


def read_weights(file: Path) -> None:
    """Open a weight file as a day, and as a study's start."""
    if file.suffix == ".safetensors":
        load_site_model(file)
    else:
        open_base_model(file, layer="layer1.0")


def spoil_weights(content: bytes, random: Random) -> bytes:
    """Change what a weight file says of its tensors: their values are numbers of any kind."""
    if content.startswith(b"PK"):
        return spoil_bytes(content, random)
    return spoil_bytes(content[:_HEADER_BYTES], random) + content[_HEADER_BYTES:]


def make_shards(folder: Path) -> None:
    """Write a shard of attacked images."""
    arrays: dict[str, NDArray[Any]] = {"images": np.zeros((3, 8, 8, 3), np.uint8), "epsilon": np.ones(3)}
    write_shard(arrays, folder / "shard.npz")


def make_ledgers(folder: Path) -> None:
    """Write a ledger of a few stages."""
    path = folder / "ledger.sqlite"
    with open_ledger(path) as ledger:
        for day in range(6):
            ledger.begin(day, "plan", "0" * 64)
            ledger.finish(day, "plan", "0" * 64, seconds=1.0)
            ledger.fail(day, "synthesize", "1" * 64, "why")


def read_ledger(file: Path) -> None:
    """Read a ledger, as `closedloop status` and `closedloop verify` do."""
    ledger_fault(file)
    read_records(file)


READERS = (
    Reader("hdf5", make_arrays, read_array_file, share=3),
    Reader("parquet", make_tables, read_table_file, share=3),
    Reader("weights", make_weights, read_weights, {"*": spoil_weights}, share=2),
    Reader("shard", make_shards, partial(read_shard, names=("images", "epsilon"))),
    Reader("ledger", make_ledgers, read_ledger),
)
