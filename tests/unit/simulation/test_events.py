"""The recorder's clock, the digital codes on their way, and the photodiode patch."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedloop.artifacts.day.journal_rows import (
    JournalRow,
    Presentation,
    PresentationBegun,
    TimeOut,
    TrialEnded,
    TrialStarted,
)
from closedloop.simulation.events import RecorderClock, patch_times, send_codes

FRAME_S = 1 / 60


def shown(ordinal: int, trial: int, onset_s: float) -> Presentation:
    return Presentation(
        ordinal=ordinal,
        trial=trial,
        position=0,
        presentation_index=ordinal,
        image_index=0,
        stimulus_id="x",
        repetition=0,
        code=1 + ordinal % 199,
        onset_s=onset_s,
        offset_s=onset_s + 0.1,
        planned_on_frames=6,
        on_frames=6,
        planned_off_frames=6,
        outcome="accepted",
    )


def journal(n_trials: int) -> list[JournalRow]:
    """Trials of 2 s with six presentations each."""
    rows: list[JournalRow] = []
    for trial in range(n_trials):
        begin = 2.0 * trial
        rows.append(TrialStarted(trial=trial, code=200 + trial % 50, time_s=begin))
        rows += [shown(6 * trial + place, trial, begin + 0.4 + 0.2 * place) for place in range(6)]
        rows.append(TrialEnded(trial=trial, outcome="completed", reward_ms=120, time_s=begin + 1.7))
        rows.append(TimeOut(misses=5, duration_s=0.1, time_s=begin + 1.8))
    return rows


def sent(rows: list[JournalRow]) -> tuple[np.ndarray, np.ndarray]:
    """Times and codes of what is announced by a code: trials and presentations, nothing else."""
    sent = [(row.time_s, row.code) for row in rows if isinstance(row, TrialStarted)]
    sent += [(row.onset_s, row.code) for row in rows if isinstance(row, Presentation)]
    times, codes = zip(*sorted(sent), strict=True)
    return np.array(times), np.array(codes)


@given(rig_s=st.floats(0, 20_000), lead_s=st.floats(0, 10), drift_ppm=st.floats(-200, 200))
def test_ticks_follow_the_formula_to_half_a_tick(rig_s: float, lead_s: float, drift_ppm: float) -> None:
    exact = (Fraction(rig_s) * (1 + Fraction(drift_ppm) / 1_000_000) + Fraction(lead_s)) * 30_000
    tick = int(RecorderClock(lead_s, drift_ppm).ticks(np.array([rig_s]))[0])
    assert abs(tick - exact) <= Fraction(1, 2) + Fraction(1, 1000)


def test_a_clock_100_ppm_fast_gains_54_000_ticks_in_five_hours() -> None:
    fast, true = RecorderClock(3.0, 100.0), RecorderClock(3.0, 0.0)
    five_hours = np.array([5 * 3600.0])
    assert (fast.ticks(five_hours) - true.ticks(five_hours)).tolist() == [54_000]
    assert true.ticks(np.array([0.0])).tolist() == [90_000]


def test_over_a_good_line_every_code_arrives_once_in_order_and_shortly_after() -> None:
    rows = journal(50)
    times, codes = sent(rows)
    arrived = send_codes(rows, lost=0, doubled=0, seed=0)
    assert arrived.value.tolist() == codes.tolist()
    delay = arrived.time_s - times
    assert delay.min() >= 0.0003
    assert delay.max() < 0.0003 + 0.0001 * 20
    # exponential jitter of 0.1 ms: the mean of 350 delays is known to 0.1 / sqrt(350) ms
    assert abs(delay.mean() - 0.0004) < 5 * 0.0001 / np.sqrt(350)


def test_lost_and_doubled_codes_are_as_many_as_asked_for() -> None:
    rows = journal(2000)
    times, _ = sent(rows)
    arrived = send_codes(rows, lost=0.1, doubled=0.2, seed=1)
    copies = np.bincount(np.searchsorted(times, arrived.time_s, side="right") - 1, minlength=len(times))
    n = len(times)
    for count, share in ((0, 0.1), (2, 0.2), (1, 0.7)):
        assert abs((copies == count).sum() - n * share) < 5 * np.sqrt(n * share * (1 - share))
    assert copies.max() == 2


def test_a_doubled_code_comes_again_a_millisecond_later_with_the_same_value() -> None:
    arrived = send_codes(journal(100), lost=0, doubled=1, seed=2)
    assert len(arrived.value) == 2 * 7 * 100
    np.testing.assert_array_equal(arrived.value[::2], arrived.value[1::2])
    np.testing.assert_allclose(arrived.time_s[1::2] - arrived.time_s[::2], 0.001, atol=1e-9)


@pytest.mark.parametrize(("lost", "doubled"), [(0.3, 0.3), (0.0, 1.0), (1.0, 0.0)])
def test_codes_are_in_order_of_time_whatever_becomes_of_them(lost: float, doubled: float) -> None:
    arrived = send_codes(journal(100), lost=lost, doubled=doubled, seed=3)
    assert (np.diff(arrived.time_s) >= 0).all()
    assert (len(arrived.time_s) == 0) == (lost == 1.0)


def test_the_line_behaves_the_same_for_the_same_seed_only() -> None:
    def of(seed: int) -> list[float]:
        return send_codes(journal(20), lost=0.2, doubled=0.2, seed=seed).time_s.tolist()

    assert of(4) == of(4) != of(5)


def test_the_patch_comes_on_after_the_flip_by_the_display_latency() -> None:
    presentations = [row for row in journal(500) if isinstance(row, Presentation)]
    onset = np.array([row.onset_s for row in presentations])
    patch = patch_times(presentations, latency_s=0.012, frame_s=FRAME_S, seed=0)
    delay = patch.on_s - onset
    late = delay > 0.012 + FRAME_S / 2
    # one frame in a thousand is late; of 3000, Poisson with mean 3
    assert 0 < late.sum() < 3 + 5 * np.sqrt(3)
    np.testing.assert_allclose(delay[late], 0.012 + FRAME_S, atol=6 * 0.0002)
    assert delay[~late].mean() == pytest.approx(0.012, abs=5 * 0.0002 / np.sqrt(3000))
    assert delay[~late].std() == pytest.approx(0.0002, rel=0.1)


def test_a_late_image_stays_up_as_long_as_any_other() -> None:
    presentations = [row for row in journal(500) if isinstance(row, Presentation)]
    patch = patch_times(presentations, latency_s=0.012, frame_s=FRAME_S, seed=0)
    np.testing.assert_allclose(patch.off_s - patch.on_s, 0.1)


def test_the_code_of_an_image_that_a_kill_cut_arrives_once_and_one_that_was_shown_not_twice() -> None:
    def begun(row: Presentation) -> PresentationBegun:
        return PresentationBegun(
            ordinal=row.ordinal,
            trial=row.trial,
            position=row.position,
            presentation_index=row.presentation_index,
            code=row.code,
            time_s=row.onset_s - 0.01,
        )

    plain = journal(3)
    announced = [row for one in plain for row in ([begun(one), one] if isinstance(one, Presentation) else [one])]
    cut = announced.index(plain[-3])
    for rows in (announced, [*announced[:cut], *announced[cut + 1 :]]):
        arrivals = send_codes(rows, lost=0, doubled=0, seed=1)
        assert arrivals.value.tolist() == send_codes(plain, lost=0, doubled=0, seed=1).value.tolist()
