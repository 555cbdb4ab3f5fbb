"""Blackrock files as neo's objects: the same numbers, in seconds and volts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from closedloop.blackrock.neo_objects import to_neo
from closedloop.blackrock.nev.events import read_nev
from closedloop.blackrock.nsx.samples import open_samples
from closedloop.simulation.sessions import MadeSession, make_session


def test_signals_spikes_and_codes_are_those_of_the_files(tmp_path: Path) -> None:
    wanted = MadeSession(seconds=10.0, n_channels=2, faults=("reset",))
    make_session(tmp_path, wanted, progress=lambda _done, _total: None)
    nev, ns6 = next(tmp_path.glob("*.nev")), next(tmp_path.glob("*.ns6"))
    block, samples, events = to_neo([nev, ns6]), open_samples(ns6), read_nev(nev)
    assert len(block.segments) == 2
    for number, segment in enumerate(block.segments):
        volts = segment.analogsignals[0]
        bits = samples.read(number, 0, samples.segments[number].n_samples)[:, :2]
        np.testing.assert_allclose(volts.rescale("uV").magnitude, bits * 0.25)
        assert volts.array_annotations["channel_ids"].tolist() == [1, 2]
        assert float(volts.t_start) == samples.segments[number].first_tick / 30_000
        spikes = sum(len(train) for train in segment.spiketrains)
        codes = next(one for one in segment.events if one.name == "digital codes")
        assert len(codes) == int((events.codes.clock_segment == number).sum())
        assert spikes <= len(events.spikes)
    total = sum(len(train) for segment in block.segments for train in segment.spiketrains)
    assert total == len(events.spikes)
    first = next(one for one in block.segments[0].events if one.name == "digital codes")
    assert first.labels[0] == str(events.codes.value[0])
    assert float(first.times[0]) == events.codes.tick[0] / events.tick_hz
