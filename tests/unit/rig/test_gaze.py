"""The scripted monkey: its habits are the promised shares, its trials functions of their numbers."""

from __future__ import annotations

import pytest
from scipy import stats

from closedloop.artifacts.day.session import ScriptedMonkey
from rig.ports.gaze import ScriptedGaze

N_TRIALS, TRIAL_S = 2000, 3.0
AFTER_ARRIVAL_S = 0.35 + 0.04  # the slowest reaction and its saccade


def gaze(ignore=0.1, leave=0.2, seed=4):
    monkey = ScriptedMonkey(seed=seed, ignore_probability=ignore, leave_early_probability=leave)
    return ScriptedGaze(monkey, fixation_s=TRIAL_S)


def look(scripted, time_s):
    (sample,) = scripted.samples(time_s)
    assert sample.time_s == time_s
    return sample.point


def fixates(scripted, trial, elapsed_s):
    scripted.start_trial(trial, 100.0)
    point = look(scripted, 100.0 + elapsed_s)
    return point is None or point.eccentricity_deg < 2.0


def test_it_ignores_a_tenth_and_leaves_a_fifth_of_the_others():
    scripted = gaze()
    arrived = [trial for trial in range(N_TRIALS) if fixates(scripted, trial, 0.40) or fixates(scripted, trial, 0.43)]
    left = [trial for trial in arrived if not fixates(scripted, trial, 60.0)]
    # A few of those that leave have done so by 0.40 s; the share of trials ever begun stays within the interval.
    assert stats.binomtest(N_TRIALS - len(arrived), N_TRIALS, 0.1).pvalue > 1e-3
    assert stats.binomtest(len(left), len(arrived), 0.2).pvalue > 1e-3


def test_it_looks_elsewhere_before_its_reaction_time():
    assert not any(fixates(gaze(), trial, 0.149) for trial in range(200))


@pytest.mark.parametrize("elapsed_s", [AFTER_ARRIVAL_S, 1.0, 10.0])
def test_a_monkey_that_neither_ignores_nor_leaves_always_fixates(elapsed_s):
    assert all(fixates(gaze(ignore=0.0, leave=0.0), trial, elapsed_s) for trial in range(200))


def test_it_leaves_at_a_moment_uniform_over_the_trial():
    scripted = gaze(ignore=0.0, leave=0.99)
    times_s = [AFTER_ARRIVAL_S + step * TRIAL_S / 50 for step in range(51)]
    shares = [sum(fixates(scripted, trial, t) for trial in range(400)) / 400 for t in times_s]
    assert shares[25] == pytest.approx(0.5, abs=0.12)
    assert shares[-1] <= 0.03  # a lost eye passes for fixation here


def test_a_trial_depends_on_seed_and_number_alone():
    first, second = gaze(), gaze()
    first.start_trial(3, 0.0)
    for trial, start_s in ((7, 50.0), (7, 2000.0)):
        first.start_trial(trial, start_s)
        second.start_trial(trial, 0.0)
        assert [look(first, start_s + t) for t in (0.0, 0.25, 0.5)] == [look(second, t) for t in (0.0, 0.25, 0.5)]


def test_another_seed_is_another_monkey():
    def looks(seed):
        scripted = gaze(seed=seed)
        return [fixates(scripted, trial, 10.0) for trial in range(100)]

    assert looks(1) != looks(2)


def test_the_tracker_loses_the_eye_for_two_hundredths_of_a_second_in_half_of_the_trials():
    scripted, lost_s = gaze(ignore=0.0, leave=0.0), []
    for trial in range(400):
        scripted.start_trial(trial, 0.0)
        lost_s.append(sum(look(scripted, step / 1000) is None for step in range(4000)) / 1000)
    assert stats.binomtest(sum(s > 0 for s in lost_s), 400, 0.5).pvalue > 1e-3
    assert all(s == 0 or s == pytest.approx(0.02, abs=0.0011) for s in lost_s)
