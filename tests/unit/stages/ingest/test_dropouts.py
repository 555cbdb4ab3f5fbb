"""A bank of electrodes that stands still is a gap on that bank: presentations there are unknown, others are counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from closedloop.blackrock.nsx.samples import open_samples
from tests.unit.stages.ingest.recorded_days import SHOWN, TICK_HZ
from tests.unit.stages.ingest.test_not_recorded import Answer, Recorded, answer, day, window_ends_s

FROM_S, TO_S = 8.0, 9.5


def drop_out(file: Path, electrodes: tuple[int, ...], *, first_s: float = FROM_S, stop_s: float = TO_S) -> None:
    """Overwrite the voltage of these electrodes with zeros from a second to another."""
    samples = open_samples(file)
    n_channels = samples.n_channels
    rows = np.memmap(file, "<i2", "r+", offset=int(samples.header.runs.raw.first_byte[0]))
    rows = rows[: len(rows) // n_channels * n_channels].reshape(-1, n_channels)
    own = [place for place, channel in enumerate(samples.channels) if channel.channel_id in electrodes]
    rows[int(first_s * TICK_HZ) : int(stop_s * TICK_HZ), own] = 0
    rows.flush()


def touched() -> np.ndarray:
    """Return which presentations have the dropout, with 10 ms to either side, in [-100, 170] ms."""
    ends_s = window_ends_s()
    return (ends_s > FROM_S - 0.01) & (ends_s - 0.27 < TO_S + 0.01)


def ingested(root: Path, recorded: Recorded, dropped: tuple[int, ...], **recording: str) -> Answer:
    """Ingest a day on which these electrodes dropped out."""
    return answer(
        day(root, **recording),
        recorded,
        afterwards=lambda folder: drop_out(folder / "array1.ns6", dropped),
    )


@pytest.mark.parametrize("spikes_from", ["raw", "nev"])
def test_presentations_on_a_dropout_of_all_electrodes_are_set_aside(tmp_path: Path, spikes_from: str) -> None:
    recorded = Recorded(ns6=(1, 2, 3, 4))
    found = ingested(tmp_path, recorded, (1, 2, 3, 4), spikes_from=spikes_from, detection="dicarlo")
    inside = touched()
    assert 3 <= np.count_nonzero(inside) < len(SHOWN)
    np.testing.assert_array_equal(np.isnan(found.counts), np.repeat(inside[:, None], 4, axis=1))
    np.testing.assert_array_equal(found.table["used"], ~inside)
    said = {"raw": "touches a gap of the voltage", "nev": "touches a gap of the recorder's spikes (NEV)"}[spikes_from]
    assert set(found.table["reason"][inside].tolist()) == {said}
    assert "all 4 electrodes from 1 to 4 stood still once, 1.52 s in all: a dropout" in found.remarks


def test_a_dropout_of_one_bank_is_unknown_there_alone(tmp_path: Path) -> None:
    recorded = Recorded(ns6=(1, 2, 33, 34), contacts=(1, 2, 33, 34))
    found = ingested(tmp_path, recorded, (33, 34), spikes_from="raw", detection="dicarlo")
    inside = touched()
    assert np.isfinite(found.counts[:, :2]).all()
    np.testing.assert_array_equal(np.isnan(found.counts[:, 2:]), np.repeat(inside[:, None], 2, axis=1))
    assert found.table["used"].all()
    assert set(found.table["reason"][inside].tolist()) == {"2 of 4 electrodes: touches a gap of the voltage"}
    assert "all 2 electrodes from 33 to 34 stood still once" in found.remarks


def test_one_dead_electrode_is_no_dropout(tmp_path: Path) -> None:
    found = ingested(tmp_path, Recorded(ns6=(1, 2, 3, 4)), (3,), spikes_from="raw", detection="dicarlo")
    assert np.isfinite(found.counts).all()
    assert "stood still" not in found.remarks


def test_a_short_run_is_said_and_sets_nothing_aside(tmp_path: Path) -> None:
    def drop(folder: Path) -> None:
        drop_out(folder / "array1.ns6", (1, 2, 3, 4), first_s=FROM_S, stop_s=FROM_S + 0.005)

    recorded = Recorded(ns6=(1, 2, 3, 4))
    found = answer(day(tmp_path, spikes_from="raw", detection="dicarlo"), recorded, afterwards=drop)
    assert np.isfinite(found.counts).all()
    assert found.table["used"].all()
    assert "all 4 electrodes from 1 to 4 stood still once, 0.01 s in all: dropouts shorter than 10 ms" in found.remarks
