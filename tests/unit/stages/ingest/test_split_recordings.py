"""A session that was recorded into several files, as the rig splits it and names them, is ingested as one."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from closedloop.blackrock.nev.header import NevElectrode
from closedloop.blackrock.nev.writer import NevBatch, write_nev
from closedloop.simulation.mark import SIMULATED_APPLICATION
from rig.ports.recorders.names import Names
from tests.unit.stages.ingest.recorded_days import LEAD_S, PER_TRIAL, SHOWN, TICK_HZ, onset_s
from tests.unit.stages.ingest.test_not_recorded import START, STOP_S, Recorded, _codes, _spikes, answer, day

CHANGE_S = 0.1  # from a stop to the next start


def changes_s() -> list[float]:
    """Return when files are changed, recorder's seconds: half a second after the last image of every third trial."""
    last = range(3 * PER_TRIAL - 1, len(SHOWN) - 1, 3 * PER_TRIAL)
    return [LEAD_S + onset_s(n) + 0.5 for n in last]


def write_parts(folder: Path, recorded: Recorded, *, clock_restarts: bool) -> list[str]:
    """Write what a whole recording has into parts, and return their names in the order of time."""
    begins_s = [0.0, *(at + CHANGE_S for at in changes_s())]
    ends_s = [*changes_s(), STOP_S]
    (spike, electrode), (code, value) = _spikes(recorded), _codes()
    names = []
    for part, (begin_s, end_s) in enumerate(zip(begins_s, ends_s, strict=True), start=1):
        first, end = int(begin_s * TICK_HZ), int(end_s * TICK_HZ)
        heard, had = ((sample >= first) & (sample < end) for sample in (spike, code))
        zero = first if clock_restarts else 0
        start = START + timedelta(seconds=begin_s)
        launch, number = (0, part) if part <= 2 else (1, part - 2)
        now = datetime(2024, 5, 6) + timedelta(seconds=begin_s)
        file = f"{Names('study-day-00', launch).take(number, now).file}001.nev"
        write_nev(
            folder / file,
            [NevElectrode(one, f"elec{one}") for one in recorded.contacts],
            specification=recorded.specification,
            batches=[
                NevBatch(
                    spike_tick=recorded.ticks(spike[heard] - zero),
                    spike_electrode=electrode[heard],
                    code_tick=recorded.ticks(code[had] - zero),
                    code_value=value[had],
                )
            ],
            start=start,
            application=SIMULATED_APPLICATION,
        )
        names.append(file)
    return names


@pytest.mark.slow
@pytest.mark.parametrize(("ptp", "clock_restarts"), [(True, False), (False, True), (False, False)])
def test_the_parts_of_a_session_give_the_counts_of_the_whole(ptp: bool, clock_restarts: bool, tmp_path: Path) -> None:
    recorded = Recorded(ns6=(), ptp=ptp)
    whole = answer(day(tmp_path / "whole"), recorded)
    assert len(changes_s()) >= 2

    def split(folder: Path) -> None:
        (folder / "array1.nev").unlink()
        names = write_parts(folder, recorded, clock_restarts=clock_restarts)
        assert sorted(names) == names

    parts = answer(day(tmp_path / "parts"), recorded, afterwards=split)
    assert (parts.quality.n_used, parts.quality.set_aside) == (len(SHOWN), {})
    np.testing.assert_array_equal(parts.counts, whole.counts)
