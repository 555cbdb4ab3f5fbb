"""A tracker's clock is found from the messages of real EyeLink files, and from made ones that are late, lost or few."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from closedloop.alignment.tracker import align_tracker
from closedloop.errors import AlignmentError
from closedloop.eyelink.edf import read_edf
from closedloop.eyelink.marks import TrackerMarks
from tests.equipment.edf_files import edf_bytes, trial_times_ms, write_edf

OFFSET_S, DRIFT_PPM = -371.25, 80.0
PER_TRIAL = 6


def sent_marks(n_trials: int, *, first: int = 0, start_s: float = 1000.0, every_s: float = 3.0) -> TrackerMarks:
    """Return what a rig sends that shows six images a trial, with the codes that a session has."""
    trial = np.arange(first, first + n_trials)
    trial_s = start_s + every_s * (trial - first)
    ordinal = PER_TRIAL * trial[:, None] + np.arange(PER_TRIAL)
    image_s = trial_s[:, None] + 0.3 + 0.2 * np.arange(PER_TRIAL)
    code = np.concatenate([200 + trial % 50, (1 + ordinal % 199).ravel()])
    code_s = np.concatenate([trial_s, image_s.ravel()])
    order = np.argsort(code_s)
    return TrackerMarks(trial, trial_s, code[order], code_s[order])


def tracker_s(rig_s: np.ndarray) -> np.ndarray:
    return (rig_s - OFFSET_S) / (1 + DRIFT_PPM * 1e-6)


def received(sent: TrackerMarks, *, late_s: float = 0.002, seed: int = 1) -> TrackerMarks:
    """Return it as a tracker has it: whole ms, trials told late, by a clock of its own."""
    rng = np.random.default_rng(seed)
    trial_s = tracker_s(sent.trial_s + late_s + rng.exponential(0.001, sent.trial.size))
    return TrackerMarks(sent.trial, trial_s.round(3), sent.code, tracker_s(sent.code_s).round(3))


def test_offset_and_drift_of_a_five_hour_session_are_recovered() -> None:
    sent = sent_marks(6000)
    clock = align_tracker(received(sent), [sent], place="x.edf")
    assert clock.fit.drift_ppm == pytest.approx(DRIFT_PPM, abs=0.01)
    times = np.array([1000.0, 10_000.0, 19_000.0])
    np.testing.assert_allclose(clock.rig_s(tracker_s(times)), times, atol=1e-4)
    assert (clock.n_matched, clock.n_received, clock.from_codes) == (sent.n, sent.n, True)
    assert 0.3 < clock.residual_95_ms < 0.55  # of rounding to whole ms, 95 % are within .475 ms


def test_late_lost_and_foreign_messages_do_not_move_the_line() -> None:
    sent, rng = sent_marks(400), np.random.default_rng(2)
    whole = received(sent)
    late = whole.code_s + np.where(rng.random(whole.code.size) < 0.1, rng.uniform(0, 0.2, whole.code.size), 0.0)
    kept = rng.random(whole.code.size) < 0.8
    spoiled = TrackerMarks(
        np.append(whole.trial[::2], [7777, 7777]),
        np.append(whole.trial_s[::2], [1.0, 2.0]),
        np.append(whole.code[kept], [255, 1]),
        np.append(late[kept], [3.0, 4.0]),
    )
    clock = align_tracker(spoiled, [sent], place="x.edf")
    np.testing.assert_allclose(clock.rig_s(tracker_s(sent.code_s)), sent.code_s, atol=3e-4)
    assert clock.n_matched == 200 + int(kept.sum())
    assert clock.n_received == clock.n_matched + 4


def test_the_launch_is_that_of_the_trials_though_the_codes_are_alike() -> None:
    launches = [sent_marks(40), sent_marks(40, first=40, start_s=5.0), sent_marks(40, first=80)]
    clock = align_tracker(received(launches[1]), launches, place="x.edf")
    assert clock.launch == 1
    np.testing.assert_allclose(clock.rig_s(tracker_s(launches[1].code_s)), launches[1].code_s, atol=1e-3)


def test_without_codes_the_trials_place_it() -> None:
    sent = sent_marks(50)
    told = received(sent, late_s=0.0)
    clock = align_tracker(TrackerMarks(told.trial, told.trial_s, told.code[:0], told.code_s[:0]), [sent], place="x.edf")
    assert not clock.from_codes
    np.testing.assert_allclose(clock.rig_s(tracker_s(sent.trial_s)), sent.trial_s, atol=5e-3)


@pytest.mark.parametrize("n_trials", [0, 2])
def test_too_few_messages_of_the_journal_are_said_in_a_line(n_trials: int) -> None:
    told = received(sent_marks(n_trials + 5, first=1000 - n_trials))
    with pytest.raises(AlignmentError, match=f"^x.edf: expected .* at least 3 .* trials, found {n_trials} among"):
        align_tracker(told, [sent_marks(1000)], place="x.edf")


def test_trials_at_other_distances_are_refused() -> None:
    sent = sent_marks(100)
    with pytest.raises(AlignmentError, match=r"expected messages as far apart as the journal's rows"):
        align_tracker(received(sent_marks(100, every_s=3.1)), [sent], place="x.edf")


@pytest.mark.parametrize("name", ["test_raw.edf", "test_2_raw.edf"])
def test_a_real_edf_is_placed_on_the_rigs_clock(tmp_path: Path, name: str) -> None:
    begun_ms = trial_times_ms(edf_bytes(name))
    messages = []
    for trial, time_ms in enumerate(begun_ms):
        messages += [(time_ms - 4, f"closedloop code {200 + trial % 50}"), (time_ms - 2, f"closedloop trial {trial}")]
        messages += [
            (time_ms - 4 + 300 + 200 * image, f"closedloop code {1 + (PER_TRIAL * trial + image) % 199}")
            for image in range(PER_TRIAL)
        ]
    write_edf(tmp_path / "s.edf", name, messages)
    marks = read_edf(tmp_path / "s.edf").marks
    assert marks.n == len(messages)

    flips_s = np.array([time_ms - 4 for time_ms in begun_ms]) / 1000.0
    rig_s = OFFSET_S + (1 + DRIFT_PPM * 1e-6) * flips_s
    code_s = OFFSET_S + (1 + DRIFT_PPM * 1e-6) * marks.code_s
    sent = TrackerMarks(np.arange(len(begun_ms)), rig_s, marks.code, code_s)
    clock = align_tracker(marks, [sent], place=name)
    assert clock.fit.drift_ppm == pytest.approx(DRIFT_PPM, abs=1e-3)
    assert clock.fit.offset_s == pytest.approx(OFFSET_S, abs=1e-6)
    assert clock.n_matched == len(messages)
    assert clock.residual_95_ms < 1e-3
