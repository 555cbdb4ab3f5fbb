"""Made sessions, read back by the whole chain: every recoverable onset right, every other one listed, none invented."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from closedloop.alignment.alignment import Alignment
from closedloop.artifacts.day.journal import read_journal
from closedloop.artifacts.day.journal_rows import Presentation
from closedloop.artifacts.protocol.recorder_faults import LINE_FAULTS, RECORDER_FAULTS, LineFault, RecorderFault
from closedloop.artifacts.tables import Columns, read_table
from closedloop.commands.recording_files.align import AlignedSession, align_files
from closedloop.commands.recording_files.make import fault_lines, make_in_folder
from closedloop.detection.agreement import agreement
from closedloop.detection.definitions import DEFINITIONS
from closedloop.detection.spikes import detect
from closedloop.devices.device import Device, read_devices
from closedloop.errors import ClosedLoopError, OptionError, RecordingError, StorageError
from closedloop.recording.spikes import concatenate_spikes
from closedloop.simulation.sessions import TRUTH, MadeSession, can_have, make_session
from tests.unit.messages import refused

Fault = RecorderFault | LineFault
TOLERANCE_MS = 0.5
SPECIFICATIONS = ("2.1", "2.2", "2.3", "3.0", "3.0-ptp")
EVERY_CODE_FAULT: tuple[Fault, ...] = ("clock_drift", "lost_codes", "doubled_codes", "flipped_codes", "code_wrap")


def made(folder: Path, specification: str, *faults: Fault, n_processors: int = 1, seconds: float = 40.0) -> Columns:
    wanted = MadeSession(
        specification=specification, seconds=seconds, n_channels=2, n_processors=n_processors, faults=faults, seed=3
    )
    make_session(folder, wanted, progress=lambda _done, _total: None)
    return read_table(folder / "truth.parquet", TRUTH)


def aligned(folder: Path) -> AlignedSession:
    files = sorted(path for path in folder.iterdir() if path.suffix in {".nev", ".ns6"})
    return align_files(folder / "journal.jsonl", files, photodiode=None, progress=lambda _done, _total: None)


def check_onsets(truth: Columns, device: Device, found: Alignment, lit: np.ndarray) -> int:
    """Compare a device's onsets with the truth; return how many were recorded."""
    own = (truth["event"] == "onset") & (truth["processor"] == device.processor)
    clock_segment, tick = truth["epoch"][own], truth["tick"][own]
    recorded, known = clock_segment >= 0, np.isfinite(found.onset_tick[lit])
    reasons = np.array(found.reason)[lit]
    assert (found.clock_segment[lit][known] == clock_segment[known]).all()
    error_ms = (found.onset_tick[lit] - tick)[known & recorded] / device.tick_hz * 1000
    assert np.abs(error_ms).max() < TOLERANCE_MS
    assert not (known & ~recorded).any(), "an onset was invented"
    assert (reasons[~known] != "").all()
    unknown = recorded & _inside(device, clock_segment, tick) & ~known
    assert not unknown.any(), set(reasons[unknown])
    return int(recorded.sum())


def _inside(device: Device, clock_segment: np.ndarray, tick: np.ndarray) -> np.ndarray:
    """Mark moments inside of what the files, as far as they are there, say was recorded."""
    inside = np.zeros(len(tick), bool)
    for segment in device.segments:
        inside |= (clock_segment == segment.clock_segment) & (tick >= segment.first_tick) & (tick < segment.end_tick)
    return inside


def check_all(folder: Path, truth: Columns) -> list[int]:
    session = aligned(folder)
    lit = session.sent.is_lit
    return [check_onsets(truth, device, session.alignments[device.name], lit) for device in session.devices]


@pytest.mark.parametrize("specification", SPECIFICATIONS)
def test_a_sound_session_of_every_specification_has_every_onset_and_every_spike(
    tmp_path: Path, specification: str
) -> None:
    truth = made(tmp_path, specification, seconds=10.0)
    if specification != "2.1":  # which has no labels: its photodiode goes by another name
        assert check_all(tmp_path, truth) == [30]
    (device,) = read_devices([tmp_path / "array1.nev", tmp_path / "array1.ns6"])
    spikes = concatenate_spikes(list(device.spikes()))
    own = truth["event"] == "spike"
    expected = sorted(zip(truth["tick"][own].tolist(), truth["electrode_id"][own].tolist(), strict=True))
    assert list(zip(spikes.tick.tolist(), spikes.electrode_id.tolist(), strict=True)) == expected


def test_two_processors_with_other_clocks_are_each_right(tmp_path: Path) -> None:
    truth = made(tmp_path, "2.3", "clock_drift", "lost_codes", n_processors=2)
    assert check_all(tmp_path, truth) == [120, 120]


def test_a_pause_and_a_reset_of_one_processor_cost_the_other_nothing(tmp_path: Path) -> None:
    truth = made(tmp_path, "2.3", "pause", "reset", n_processors=2)
    first, second = check_all(tmp_path, truth)
    assert (first, second < 120) == (120, True)


@pytest.mark.slow
@pytest.mark.parametrize("specification", SPECIFICATIONS[1:])
@pytest.mark.parametrize(
    "faults",
    [
        EVERY_CODE_FAULT,
        ("pause", "reset", *EVERY_CODE_FAULT),
        ("sync_stub", "pause", *EVERY_CODE_FAULT),
        ("ptp_gap", "ptp_jump_back", "ptp_drift", *EVERY_CODE_FAULT),
        ("truncated", *EVERY_CODE_FAULT),
        ("crashed", "pause"),
        ("out_of_order", "stray_ticks", "large_electrode_ids", "unknown_headers", "reset"),
    ],
    ids=lambda faults: "+".join(faults[:2]),
)
def test_with_faults_every_recoverable_onset_is_right_and_every_other_one_is_listed(
    tmp_path: Path, specification: str, faults: tuple[Fault, ...]
) -> None:
    possible = tuple(fault for fault in faults if can_have(fault, specification))
    truth = made(tmp_path, specification, *possible, n_processors=2)
    assert all(100 < n <= 120 for n in check_all(tmp_path, truth))


@pytest.mark.slow
def test_detection_finds_the_made_spikes_of_every_clock_segment(tmp_path: Path) -> None:
    truth = made(tmp_path, "2.3", "pause", "reset", seconds=20.0)
    (device,) = read_devices([tmp_path / "array1.nev", tmp_path / "array1.ns6"])
    (voltage,) = device.voltages
    found = detect(voltage.samples, DEFINITIONS["zero_phase_butter"], electrode_ids=voltage.electrode_ids)
    for clock_segment in (0, 1):
        for electrode in voltage.electrode_ids:
            true = truth["tick"][
                (truth["event"] == "spike") & (truth["epoch"] == clock_segment) & (truth["electrode_id"] == electrode)
            ]
            both = agreement(
                np.sort(true),
                found.on(electrode).tick[found.on(electrode).clock_segment == clock_segment],
                tolerance_ticks=15,
            )
            assert both.recall > 0.9
            assert both.precision > 0.9


def test_a_code_counter_passes_the_largest_word_in_mid_session(tmp_path: Path) -> None:
    made(tmp_path, "2.3", "code_wrap", seconds=10.0)
    codes = [row.code for row in read_journal(tmp_path / "journal.jsonl").rows if isinstance(row, Presentation)]
    assert max(codes) > 65_500
    assert min(codes) < 100
    assert codes[0] > codes[-1]


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        wanted = MadeSession(seconds=4.0, n_channels=1, seed=seed)
        make_session(tmp_path / name, wanted, progress=lambda _done, _total: None)
    first, again, other = ((tmp_path / name / "array1.ns6").read_bytes() for name in "abc")
    assert first == again
    assert first != other


def test_every_fault_has_a_line_and_a_name() -> None:
    assert set(RECORDER_FAULTS) == set(get_args(RecorderFault))
    assert set(LINE_FAULTS) == set(get_args(LineFault))
    assert len(fault_lines()) == len(RECORDER_FAULTS) + len(LINE_FAULTS)


@pytest.mark.parametrize(
    ("fault", "specification"), [("pause", "2.1"), ("crashed", "3.0-ptp"), ("crashed", "2.1"), ("ptp_gap", "3.0")]
)
def test_a_fault_that_a_specification_cannot_have_is_refused_with_those_that_can(
    tmp_path: Path, fault: Fault, specification: str
) -> None:
    with refused(RecordingError, f"fault {fault}", specification):
        made(tmp_path, specification, fault)


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"faults": ["pauze"]}, OptionError, "--fault pauze"),
        ({"specification": "4.0"}, OptionError, "--specification 4.0"),
        ({"n_processors": 3}, RecordingError, "3 processors"),
        ({"seconds": 1.0}, RecordingError, "a session of 1 s"),
        ({"n_channels": 1, "n_processors": 2}, RecordingError, "a session of 60 s with 1 channels"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_line(
    tmp_path: Path, changed: dict[str, object], error: type[ClosedLoopError], said: str
) -> None:
    options = json.loads(
        json.dumps({"specification": "2.3", "seconds": 60.0, "n_channels": 2, "n_processors": 1, "faults": []})
    )
    with refused(error, said):
        make_in_folder(tmp_path, **(options | changed), seed=0, progress=lambda _done, _total: None)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    """No file system takes a name of 300 characters."""
    with refused(StorageError, tmp_path, "expected"):
        make_in_folder(
            tmp_path / ("x" * 300),
            specification="2.3",
            seconds=4.0,
            n_channels=1,
            n_processors=1,
            faults=[],
            seed=0,
            progress=lambda _done, _total: None,
        )


def test_a_used_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with refused(RecordingError, tmp_path, "new or empty"):
        make_in_folder(
            tmp_path,
            specification="2.3",
            seconds=4.0,
            n_channels=1,
            n_processors=1,
            faults=[],
            seed=0,
            progress=lambda _done, _total: None,
        )
