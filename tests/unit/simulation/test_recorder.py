"""Two processors: whose electrodes, which clock, where the photodiode is; faults where they were asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from closedloop.artifacts.day.journal_rows import TrialStarted
from closedloop.simulation.events import PatchTimes
from closedloop.simulation.processor import FileFormat
from closedloop.simulation.recorder import (
    Fault,
    Line,
    RecorderSetup,
    SessionEvents,
    electrodes_each,
    locate,
    processor_input,
)
from closedloop.simulation.spikes import SpikeTrains
from closedloop.simulation.voltage import draw_waveforms

FORM = FileFormat("2.3", 16, datetime(2024, 5, 6, tzinfo=UTC), "a-session")
EVENTS = SessionEvents(
    rows=[TrialStarted(trial=i, code=i + 1, time_s=2.0 * i) for i in range(5)],
    spikes=SpikeTrains(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1, 3, 4, 5])),
    patch=PatchTimes(np.array([1.0]), np.array([1.1])),
    end_s=10.0,
)


def recorder(n_processors: int, *faults: Fault, drift_ppm: float = 0.0) -> RecorderSetup:
    return RecorderSetup(
        n_electrodes=5,
        n_processors=n_processors,
        raw_electrodes=(1, 4),
        clock_drift_ppm=drift_ppm,
        line=Line(),
        waveforms=draw_waveforms(5, seed=1),
        form=FORM,
        seed=3,
        faults=faults,
    )


def test_each_processor_numbers_its_share_of_the_electrodes_from_1() -> None:
    two = recorder(2)
    assert [list(two.own(number)) for number in (1, 2)] == [[1, 2, 3], [4, 5]]
    assert [two.processor(n, n_samples=10).electrode_ids for n in (1, 2)] == [(1, 2, 3), (1, 2)]
    assert [two.processor(n, n_samples=10).raw_electrodes for n in (1, 2)] == [(1,), (1,)]
    assert [processor_input(two, n, EVENTS).spike_electrode.tolist() for n in (1, 2)] == [[1, 3], [1, 2]]
    np.testing.assert_array_equal(
        two.processor(2, n_samples=10).waveforms.waveform_bits, draw_waveforms(5, seed=1).waveform_bits[3:]
    )


@pytest.mark.parametrize(("n_electrodes", "n_processors", "each"), [(8, 1, 8), (8, 2, 4), (9, 2, 5)])
def test_electrodes_are_shared_out(n_electrodes: int, n_processors: int, each: int) -> None:
    assert electrodes_each(n_electrodes, n_processors) == each


def test_both_processors_receive_the_codes_and_only_the_first_has_the_photodiode() -> None:
    first, second = (processor_input(recorder(2), number, EVENTS) for number in (1, 2))
    assert first.code_value.tolist() == second.code_value.tolist() == [1, 2, 3, 4, 5]
    assert (len(first.patch_on), len(second.patch_on)) == (1, 0)


def test_the_processors_were_started_at_different_times_and_drift_apart() -> None:
    clocks = [recorder(2, drift_ppm=50.0).clock(number) for number in (1, 2)]
    assert clocks[0].lead_s != clocks[1].lead_s
    assert [clock.drift_ppm for clock in clocks] == [50.0, -50.0]


def test_a_fault_of_one_processor_leaves_the_other_whole() -> None:
    one = recorder(2, Fault("pause", (2,)))
    moments = np.linspace(0, 9.9, 200)
    clock_segments = [locate(one, number, EVENTS, moments)[0] for number in (1, 2)]
    assert (clock_segments[0] == 0).all()
    assert set(clock_segments[1].tolist()) == {-1, 0}


def test_a_flipped_word_differs_in_one_bit_of_the_port() -> None:
    line = Line(flipped=1.0, n_bits=4)
    found = processor_input(replace(recorder(1), line=line), 1, EVENTS)
    differing = found.code_value ^ np.arange(1, 6)
    assert {int(bits).bit_count() for bits in differing} == {1}
    assert differing.max() < 16
