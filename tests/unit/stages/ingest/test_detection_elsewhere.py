"""Detection by workers that are sent parts of a recording: the bytes of detection here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from closedloop.blackrock.nsx.header import NsxChannel
from closedloop.blackrock.nsx.samples import open_samples
from closedloop.detection.definitions import DEFINITIONS
from closedloop.devices.joined import join_samples
from closedloop.execution.stored import contents
from closedloop.execution.stored.here import do_over_store
from closedloop.stages.ingest.shards import as_piece, shards_of
from tests.unit.blackrock.nsx.nsx_files import write
from tests.unit.execution.stored.blind_workers import BlindWorkers

RATE_HZ = 30_000
CHANNELS = (NsxChannel(1, "elec1"), NsxChannel(33, "elec33"))
BLOCK_BYTES = 1 << 16


def recorded(n: int, *, seed: int) -> np.ndarray:
    """Noise, and a bank that stands still where two pieces meet and goes on doing so."""
    volts = np.random.default_rng(seed).normal(0, 40, (n, 2)).round().astype(np.int16)
    at = int(5.98 * RATE_HZ)
    volts[at : at + RATE_HZ // 10, 0] = 3
    return volts


@pytest.mark.parametrize(("specification", "definition"), [("2.3", "dicarlo"), ("3.0-ptp", "causal")])
def test_workers_are_sent_the_parts_of_a_recording_that_they_read_and_find_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, specification: str, definition: str
) -> None:
    monkeypatch.setattr(contents, "BLOCK_BYTES", BLOCK_BYTES)
    client = tmp_path / "client"
    client.mkdir()
    volts = recorded(int(15.5 * RATE_HZ), seed=1)
    half = int(13.2 * RATE_HZ)  # a short hole and a long one, by which a second segment begins
    chunks = [(0, volts[: half // 2]), (half // 2 + 30, volts[half // 2 : half]), (half + 2 * RATE_HZ, volts[half:])]
    files = [
        write(client / f"{name}.ns6", chunks, specification=specification, channels=CHANNELS) for name in ("a", "b")
    ]
    samples = join_samples([open_samples(file) for file in files])
    rule = replace(DEFINITIONS[definition], threshold_s=1.0)

    def shards(folder: Path) -> list[bytes]:
        found = shards_of(samples, rule, folder=client / folder, chunk_samples=None)
        pieces = [as_piece(shard) for shard in found]
        if folder.name == "here":
            for piece in pieces:
                piece()
        else:
            do_over_store(pieces, f"memory://{tmp_path.name}", workers, None)
        return [shard.path.read_bytes() for shard in found]

    workers = BlindWorkers(client, tmp_path / "own")
    here, there = shards(Path("here")), shards(Path("there"))
    assert here == there
    assert len(here) > 4
    assert len(workers.orders) == len(here), "nobody wanted more than was said"
    sent = [sum(part.n_bytes for file in order.files for part in file.parts) for order in workers.orders]
    assert max(sent) < 0.9 * sum(file.stat().st_size for file in files)
