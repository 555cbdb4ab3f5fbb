"""Gaze in Python: the rig's samples and an EyeLink's own, both on the rig's clock, and days that have none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import closedloop
from closedloop.access.gaze import gaze_samples, tracker_samples
from closedloop.artifacts import catalog
from closedloop.artifacts.day.gaze.layout import BEGINS, ENDS, GazeHeader, mark_bytes, sample_bytes
from closedloop.artifacts.day.journal import journal_bytes
from closedloop.artifacts.day.journal_rows import SessionEnded, TrialStarted
from closedloop.artifacts.manifest import MANIFEST_NAME, describe_files, read_manifest
from closedloop.errors import AlignmentError, StudyError
from tests.equipment.edf_files import edf_bytes, trial_times_ms, write_edf
from tests.unit.access.studies import make_study
from tests.unit.study.sessions import launch

SHIFT_S, FASTER = 100.0, 1 + 40e-6  # the rig's clock began earlier, and runs faster
BEGAN_MS = trial_times_ms(edf_bytes("test_2_raw.edf"))


def rig_s(tracker_ms: np.ndarray | int) -> np.ndarray | float:
    return SHIFT_S + FASTER * tracker_ms / 1000.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a study whose day 0 has a journal of the trials of a real EDF, and gaze of two launches."""
    make_study(tmp_path / "study")
    folder = tmp_path / "study" / "day-00" / "present"
    opened = launch(0, "s", simulated=True, time_s=rig_s(BEGAN_MS[0]))
    trials = [TrialStarted(trial=n, code=200 + n, time_s=rig_s(ms)) for n, ms in enumerate(BEGAN_MS)]
    ended = SessionEnded(outcome="complete", n_remaining=0, time_s=rig_s(BEGAN_MS[-1]) + 5)
    rows = [opened, *trials, launch(1, "s", simulated=True, time_s=ended.time_s - 1), ended]
    (folder / catalog.JOURNAL.name).write_bytes(journal_bytes(rows))
    write_gaze(folder / catalog.GAZE.name, trials[0].time_s, ended.time_s)
    told = [(ms - 1, f"closedloop code {200 + n}") for n, ms in enumerate(BEGAN_MS)]
    told += [(ms, f"closedloop trial {n}") for n, ms in enumerate(BEGAN_MS)]
    write_edf(folder / "own.edf", "test_2_raw.edf", sorted(told))
    write_edf(folder / "other.edf", "test_raw.edf")
    sealed = read_manifest(folder)
    sealed.model_copy(update={"outputs": describe_files(folder)}).write(folder / MANIFEST_NAME)
    return tmp_path / "study"


def write_gaze(path: Path, first_s: float, last_s: float) -> None:
    samples = [sample_bytes(first_s + 0.5, (0.25, -1.0)), sample_bytes(first_s + 0.25, None), sample_bytes(0.0, (0, 0))]
    later = [mark_bytes(1, BEGINS), sample_bytes(last_s, (3.0, 4.0)), mark_bytes(1, ENDS)]
    header = GazeHeader(simulated=True, session_id="s").to_header()
    path.write_bytes(header + b"".join([mark_bytes(0, BEGINS), *samples, *later]))


def test_samples_are_in_order_by_launch_and_what_a_power_cut_left_is_none(folder: Path) -> None:
    frame = gaze_samples(closedloop.open_study(folder), 0)
    first_s = rig_s(BEGAN_MS[0])
    assert frame["launch"].tolist() == [0, 0, 1]
    np.testing.assert_array_equal(frame["time_s"][:2], [first_s + 0.25, first_s + 0.5])
    np.testing.assert_array_equal(frame["x_deg"], [np.nan, 0.25, 3.0])
    np.testing.assert_array_equal(frame["y_deg"], [np.nan, -1.0, 4.0])
    assert frame.attrs["simulated"]


@pytest.mark.slow
def test_a_trackers_own_samples_are_on_the_rigs_clock(folder: Path) -> None:
    frame = tracker_samples(closedloop.open_study(folder), 0, "own.edf")
    np.testing.assert_allclose(frame["time_s"], rig_s(1000 * frame["tracker_s"]), atol=2e-3)
    assert len(frame) == 124_740
    assert frame["x_left"].notna().mean() == pytest.approx(1 - 0.0148549, abs=1e-6)
    assert frame["x_right"].isna().all()
    assert frame.attrs["launch"] == 0
    assert frame.attrs["n_matched"] == 2 * len(BEGAN_MS)


def test_a_file_of_another_session_has_no_place(folder: Path) -> None:
    with pytest.raises(AlignmentError, match=r"other.edf: expected messages of at least 3"):
        tracker_samples(closedloop.open_study(folder), 0, "other.edf")


def test_a_day_without_gaze_and_a_file_that_is_not_there_are_a_line(folder: Path) -> None:
    study = closedloop.open_study(folder)
    with pytest.raises(StudyError, match=r"expected gaze.bin, found that the session kept no gaze samples"):
        gaze_samples(study, 1)
    with pytest.raises(StudyError, match=r"none.edf: expected a file that was sealed with the session, found none"):
        tracker_samples(study, 0, "none.edf")
