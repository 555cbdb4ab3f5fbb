"""The rule of a training: when it steps, by how much, and where it ends."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from closedloop.artifacts.rig.training import TaughtLevel, TrainingSettings
from rig.training.staircase import Staircase, after_trial, first_level, next_run, reward_ms

RULE = TrainingSettings(subject="Nelson", of_last=5, completed_for_step_up=4, missed_for_step_down=3, asleep_after=3)
OUTCOMES = {"c": "completed", "b": "broken", "i": "ignored", "s": "stopped"}


def climb(outcomes, *, rule=RULE, stairs=None):
    stairs = stairs or Staircase(first_level(rule))
    for letter in outcomes:
        stairs = after_trial(stairs, OUTCOMES[letter], rule)
    return stairs


def level(hold_ms, window_deg):
    return TaughtLevel(hold_ms=hold_ms, window_deg=window_deg)


@pytest.mark.parametrize(
    ("outcomes", "hold_ms", "window_deg"),
    [
        ("", 100, 5),
        ("ccc", 100, 5),
        ("cccc", 110, 4.75),  # x 1.1, x .95
        ("cbccc", 110, 4.75),  # 4 of the last 5
        ("cbcbc", 100, 5),  # 3 and 2 of 5: neither
        ("cccccccc", 121, 4.513),  # two steps; 4.75 x .95 = 4.5125
        ("ccccccc", 110, 4.75),  # the count begins anew after a step
        ("ccccbbb", 100, 5),  # and down again; 110 / 1.1
        ("ccccbib", 100, 5),  # what is ignored counts like what is broken
        ("ccccbcbcb", 100, 5),
        ("ccccbbcccb", 110, 4.75),  # of the last 5, 2 were missed and 3 completed
        ("sssccscsc", 110, 4.75),  # what the operator stopped is no trial
        ("bbb", 90.909, 5),  # the window was never larger
    ],
)
def test_it_steps_after_so_many_of_the_last_trials(outcomes, hold_ms, window_deg):
    assert climb(outcomes).level == level(hold_ms, window_deg)


def test_an_animal_that_sleeps_moves_nothing_until_it_looks_again():
    up = climb("cccccccc")
    assert climb("iii", stairs=up).level == level(110, 4.751)  # three ignored: one step down; 4.513 / .95 = 4.7505
    asleep = climb("iiiiiiiiiiiii", stairs=up)
    assert asleep.level == level(110, 4.751)
    assert climb("biiib", stairs=asleep).level == level(100, 5)  # awake: counted again


def test_neither_leaves_its_bounds():
    rule = TrainingSettings(
        subject="Nelson", start_hold_ms=100, shortest_hold_ms=95, longest_hold_ms=115, smallest_window_deg=4.6
    )
    assert climb("c" * 200, rule=rule).level == level(115, 4.6)
    assert climb("b" * 200, rule=rule).level == level(95, 5)


def test_a_day_begins_a_step_before_the_last_one_ended_within_the_bounds_of_today():
    assert next_run(level(121, 4.513), RULE, is_new_day=True) == level(110, 4.751)
    no_step = RULE.model_copy(update={"steps_back_a_day": 0})
    assert next_run(level(121, 4.513), no_step, is_new_day=True) == level(121, 4.513)
    edited = RULE.model_copy(update={"longest_hold_ms": 105.0, "smallest_window_deg": 4.9})
    assert next_run(level(121, 4.513), edited, is_new_day=True) == level(105, 4.9)


def test_a_second_run_of_a_day_begins_where_the_first_ended_within_the_bounds_of_now():
    assert next_run(level(121, 4.513), RULE, is_new_day=False) == level(121, 4.513)
    edited = RULE.model_copy(update={"longest_hold_ms": 105.0, "smallest_window_deg": 4.9})
    assert next_run(level(121, 4.513), edited, is_new_day=False) == level(105, 4.9)


def test_a_reward_grows_with_the_hold_up_to_the_largest():
    assert reward_ms(level(500, 3), RULE) == 80 + 30  # 60 ms a second
    assert reward_ms(level(10_000, 3), RULE) == 200


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"start_hold_ms": 40}, "shortest_hold_ms, start_hold_ms, longest_hold_ms in this order"),
        ({"smallest_window_deg": 6}, "smallest_window_deg: expected 5"),
        ({"largest_reward_ms": 50}, "largest_reward_ms: expected 80"),
        ({"completed_for_step_up": 11}, "no step would ever come"),
        ({"completed_for_step_up": 4}, "a step up and a step down"),
        ({"hold_step": 1.0}, "greater than 1"),
    ],
)
def test_settings_that_exclude_each_other_are_refused(wrong, said):
    with pytest.raises(ValidationError, match=said):
        TrainingSettings(subject="Nelson", **wrong)
