"""Which spikes are the units of an NWB file: of each processor its own electrodes'."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from closedloop.exchange.nwb.electrodes import spike_origins
from closedloop.recording.spikes import Spikes

ELECTRODES = {1: (1, 2, 3), 2: (3, 7)}  # by processor: not the same ones
COUNTED = {1: (2,), 2: (7,)}


def device(processor: int) -> Any:
    """A processor whose electrodes have a spike each in two parts of its recording; all of them have voltage."""
    ids = np.array(ELECTRODES[processor], np.uint16)
    parts = [Spikes(np.zeros(len(ids), np.uint16), np.arange(len(ids)) + 100 * part, ids) for part in range(2)]
    return SimpleNamespace(
        processor=processor,
        parts=[SimpleNamespace(spike_electrodes=ELECTRODES[processor], spikes_are="made")],
        voltages=[SimpleNamespace(electrode_ids=ELECTRODES[processor])],
        segments=(),
        spike_gaps=lambda: (),
        spikes=lambda: iter(parts),
    )


@pytest.mark.parametrize("spikes_from", ["recorder", "raw"])
def test_each_processors_spikes_are_those_of_its_own_electrodes(spikes_from: str) -> None:
    recording = SimpleNamespace(spikes_from=spikes_from, detection="dicarlo")
    chosen = [SimpleNamespace(processor=one, electrode_id=ids[0]) for one, ids in COUNTED.items()]
    session: Any = SimpleNamespace(
        devices=[device(1), device(2)],
        block=SimpleNamespace(day=0),
        sites=SimpleNamespace(chosen=lambda: chosen),
        files=SimpleNamespace(
            protocol_of=lambda _day: SimpleNamespace(recording=recording),
            read=lambda file, _day: {
                "epoch": np.zeros(1, np.uint16),
                "tick": np.zeros(1, np.int64),
                "electrode_id": np.array(COUNTED[2 if "2" in file.name else 1], np.uint16),
            },
        ),
    )
    found = tuple(spike_origins(session))  # all of them before the first is read, as for a table of all
    for one in found:
        counted = set(COUNTED[one.device.processor]) if spikes_from == "raw" else set()
        wanted = counted if "what counts" in one.are else set(ELECTRODES[one.device.processor]) - counted
        assert set(one.electrode_ids.tolist()) == wanted
        assert {electrode for part in one.spikes for electrode in part.electrode_id.tolist()} == wanted
    assert len(found) == (4 if spikes_from == "raw" else 2)
