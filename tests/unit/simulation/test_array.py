"""The simulated array's files, read by neo: what happened is in them, all of it and nothing else."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from neo.rawio import BlackrockRawIO

from closedloop.artifacts.day.journal import Journal
from closedloop.artifacts.day.journal_rows import JournalRow, Presentation, TrialEnded, TrialStarted
from closedloop.artifacts.protocol.protocol import Protocol, read_protocol
from closedloop.simulation import array
from closedloop.simulation.array import ArrayDay, record
from closedloop.simulation.cortex.hidden import HiddenCortex
from closedloop.simulation.mark import SIMULATED_APPLICATION
from closedloop.simulation.recorder import processor_input
from closedloop.stimuli.pools import ProceduralPool, load_images

torch.set_num_threads(1)

N_TRIALS, PER_TRIAL, N_ELECTRODES = 12, 6, 4
SESSION_ID = "abc-day-03"
LAG_S = 0.012
GOOD = {"lost_codes": 0.0, "doubled_codes": 0.0, "clock_drift_ppm": 0.0, "display_lag_ms": LAG_S * 1000}


@cache
def smoke() -> Protocol:
    return read_protocol(Path(__file__).parents[3] / "protocols" / "smoke.yaml")


@cache
def cortex() -> HiddenCortex:
    return HiddenCortex(seed=5, n_electrodes=N_ELECTRODES)


def presentation(ordinal: int) -> Presentation:
    trial, position = divmod(ordinal, PER_TRIAL)
    onset_s = 2.0 * trial + 0.4 + 0.2 * position
    return Presentation(
        ordinal=ordinal,
        trial=trial,
        position=position,
        presentation_index=ordinal,
        image_index=ordinal % 5,
        stimulus_id="x",
        repetition=0,
        code=1 + ordinal,
        onset_s=onset_s,
        offset_s=onset_s + 0.1,
        planned_on_frames=6,
        on_frames=6,
        planned_off_frames=6,
        outcome="accepted",
    )


def journal() -> Journal:
    rows: list[JournalRow] = []
    for trial in range(N_TRIALS):
        rows.append(TrialStarted(trial=trial, code=200 + trial, time_s=2.0 * trial))
        rows += [presentation(PER_TRIAL * trial + position) for position in range(PER_TRIAL)]
        rows.append(TrialEnded(trial=trial, outcome="completed", reward_ms=120, time_s=2.0 * trial + 1.7))
    return Journal(tuple(rows), 0, 0, 0)


DAY = ArrayDay(
    day=3,
    session_id=SESSION_ID,
    journal=journal(),
    images=load_images(ProceduralPool(seed=7, n_categories=5, n_per_category=1), tuple(
        image.image_id for image in ProceduralPool(seed=7, n_categories=5, n_per_category=1).images()
    )),
    refresh_hz=60,
    raw_electrodes=(1, 2),
    seed=11,
)  # fmt: skip


def recorded(
    folder: Path, *, specification: str = "2.3", day: ArrayDay = DAY, progress: Callable[[int, int], None] = max
) -> Path:
    """Record over a line that loses no code, by a clock that does not drift."""
    recording = smoke().recording.model_copy(update={"specification": specification})
    simulation = smoke().simulation.model_copy(update=GOOD)
    record(folder, day, cortex=cortex(), recording=recording, simulation=simulation, progress=progress)
    return folder / "array1"


@dataclass(frozen=True)
class Files:
    """What neo reads: codes and comments with their ticks, spikes and snippets by electrode, voltage by channel."""

    code_tick: np.ndarray
    code: np.ndarray
    comments: list[str]
    spikes: dict[int, np.ndarray]
    snippets: dict[int, np.ndarray]
    voltage: np.ndarray

    @property
    def onset_word_tick(self) -> np.ndarray:
        """When the codes of presentations arrived."""
        return self.code_tick[self.code < 200]


def read_by_neo(stem: Path) -> Files:
    reader = BlackrockRawIO(filename=str(stem), nsx_to_load=6)
    reader.parse_header()
    names = reader.header["event_channels"]["name"].tolist()
    ticks, _, labels = reader.get_event_timestamps(0, 0, names.index("digital_input_port"))
    _, _, comments = reader.get_event_timestamps(0, 0, names.index("comments"))
    units = {int(electrode): unit for unit, (electrode, _) in enumerate(reader.internal_unit_ids)}
    files = Files(
        code_tick=ticks,
        code=np.array([int(label) for label in labels]),
        comments=[str(comment) for comment in comments],
        spikes={electrode: reader.get_spike_timestamps(0, 0, unit) for electrode, unit in units.items()},
        snippets={e: np.array(reader.get_spike_raw_waveforms(0, 0, unit))[:, 0] for e, unit in units.items()},
        voltage=np.array(reader.get_analogsignal_chunk(0, 0, stream_index=0), dtype=np.int64),
    )
    for file in reader._nsx_fids.values():
        file.close()
    return files


@cache
def files(specification: str) -> Files:
    with tempfile.TemporaryDirectory() as folder:
        return read_by_neo(recorded(Path(folder), specification=specification))


both_specifications = pytest.mark.parametrize("specification", ["2.3", "3.0"])


@both_specifications
def test_neo_reads_the_journals_words_in_order_and_the_session_in_a_comment(specification: str) -> None:
    found = files(specification)
    sent = [row for row in DAY.journal.rows if isinstance(row, TrialStarted | Presentation)]
    assert found.code.tolist() == [row.code for row in sent]
    time_s = np.array([row.time_s if isinstance(row, TrialStarted) else row.onset_s for row in sent])
    lead_s = found.code_tick / 30_000 - time_s
    assert lead_s.max() - lead_s.min() < 0.0001 * 20  # a code's way takes 0.3 ms and an exponential tenth of one
    assert 2 <= lead_s.mean() < 8.1
    assert found.comments == [SESSION_ID]


@both_specifications
def test_the_photodiode_onset_follows_every_flip_by_the_display_latency(specification: str) -> None:
    """A photodiode's edge stands half way up: ln 2 of the time constant of 15 ticks later."""
    found = files(specification)
    diode = found.voltage[:, -1]
    bright = diode > (diode.min() + diode.max()) / 2
    edges = np.flatnonzero(bright[1:] & ~bright[:-1]) + 1
    assert len(edges) == N_TRIALS * PER_TRIAL
    expected = found.onset_word_tick + (LAG_S - 0.0003) * 30_000 + 15 * np.log(2)
    late_frames = np.round((edges - expected) / 500)
    assert (late_frames >= 0).all()
    assert (late_frames > 0).sum() <= 2
    np.testing.assert_allclose(edges - 500 * late_frames, expected, atol=(6 * 0.0002 + 20 * 0.0001) * 30_000)


@both_specifications
def test_the_files_hold_every_spike_that_was_drawn_and_no_other(specification: str) -> None:
    found = files(specification)
    good = smoke().simulation.model_copy(update=GOOD)
    recorder = array.set_up_recorder(DAY, cortex(), recording=smoke().recording, simulation=good)
    drawn = processor_input(recorder, 1, array.draw_events(DAY, cortex(), recorder, good))
    assert set(found.spikes) == set(range(1, N_ELECTRODES + 1))
    for electrode, ticks in found.spikes.items():
        np.testing.assert_array_equal(ticks, drawn.spike_sample[drawn.spike_electrode == electrode])
        assert found.snippets[electrode].shape == (len(ticks), smoke().recording.waveform_samples)
    assert len(found.voltage) == drawn.n_samples


@both_specifications
def test_evoked_spikes_follow_the_hidden_rates(specification: str) -> None:
    """Adaptation takes 12 % at most; slow gains (0.07) and those of single trials (0.3) are allowed for."""
    found = files(specification)
    lit = found.onset_word_tick + LAG_S * 30_000
    shown = [presentation(ordinal).image_index for ordinal in range(len(lit))]
    expected = cortex().rates_hz(DAY.images, day=3)[shown] * 0.1
    for electrode, ticks in found.spikes.items():
        count = (np.searchsorted(ticks, lit + 5100) - np.searchsorted(ticks, lit + 2100)).sum()
        mean = expected[:, electrode - 1].sum()
        sd = np.sqrt(mean + (0.3 * expected[:, electrode - 1]) @ (0.3 * expected[:, electrode - 1]))
        assert mean * (0.88 - 3 * 0.07) - 5 * sd < count < mean * (1 + 3 * 0.07) + 5 * sd


@both_specifications
def test_until_70_ms_after_an_onset_there_is_the_baseline_alone(specification: str) -> None:
    """A window ends 30 ms before the next onset: in the 100 ms up to a window counts are Poisson of the baseline."""
    found = files(specification)
    lit = found.onset_word_tick + LAG_S * 30_000
    for electrode, ticks in found.spikes.items():
        count = (np.searchsorted(ticks, lit + 2070) - np.searchsorted(ticks, lit - 870)).sum()
        mean = cortex().baseline_rate_hz[electrode - 1] * len(lit) * 2940 / 30_000
        assert abs(count - mean) < 5 * np.sqrt(mean)


@both_specifications
def test_raw_voltage_has_its_trough_at_every_spike_of_the_event_file(specification: str) -> None:
    found = files(specification)
    assert found.voltage.shape[1] == len(DAY.raw_electrodes) + 1
    for column, electrode in enumerate(DAY.raw_electrodes):
        own = found.spikes[electrode]
        around = np.stack([found.voltage[tick - 10 : tick + 20, column] for tick in own[2:-2]])
        mean = around.mean(axis=0)
        assert abs(int(mean.argmin()) - 10) <= 1
        assert mean.min() * 0.25 < -50  # uV; units have troughs of 60 to 140
        assert np.corrcoef(mean[:16], found.snippets[electrode].mean(axis=0))[0, 1] > 0.95
        quiet = np.ones(len(found.voltage), dtype=bool)
        for tick in own:
            quiet[max(tick - 10, 0) : tick + 20] = False
        assert found.voltage[quiet, column].std() * 0.25 == pytest.approx(8, rel=0.02)


def test_the_files_say_that_they_are_simulated(tmp_path: Path) -> None:
    recorded(tmp_path)
    assert SIMULATED_APPLICATION.encode() in (tmp_path / "array1.nev").read_bytes()[:336]
    for name in ("array1.nev", "array1.ns6"):
        assert SESSION_ID.encode() in (tmp_path / name).read_bytes()[:400]


def test_the_same_day_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    contents = []
    for name, day in (("a", DAY), ("b", DAY), ("c", replace(DAY, seed=12))):
        (tmp_path / name).mkdir()
        recorded(tmp_path / name, day=day)
        contents.append([(tmp_path / name / f"array1.{kind}").read_bytes() for kind in ("nev", "ns6")])
    assert contents[0] == contents[1]
    assert contents[0][0] != contents[2][0]
    assert contents[0][1] != contents[2][1]


def test_spikes_do_not_depend_on_which_voltages_are_written(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "none").mkdir()
    recorded(tmp_path / "raw")
    alone = recorded(tmp_path / "none", day=replace(DAY, raw_electrodes=()))
    assert (tmp_path / "raw" / "array1.nev").read_bytes() == (tmp_path / "none" / "array1.nev").read_bytes()
    assert read_by_neo(alone).voltage.shape[1] == 1


def test_progress_goes_up_to_the_whole(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    recorded(tmp_path, progress=lambda done, total: told.append((done, total)))
    done = [place for place, _ in told]
    assert done == sorted(done)
    assert told[-1][0] == told[-1][1]
    assert len({total for _, total in told}) == 1
