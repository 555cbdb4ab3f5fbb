"""The state machine as a table: whole, and where each event leads; no window, no clock, no port."""

from __future__ import annotations

import pytest

from rig.machine.table import ACTIONS, EVENTS, PHASES, TABLE, Situation, follow, is_kept, is_over

RUNNING = ("start", "acquire", "hold", "on", "off")
FRAMES = {"start": 1, "acquire": 120, "hold": 10, "on": 6, "off": 6, "end": 1, "interval": 30}


def test_every_state_knows_where_every_event_leads():
    assert set(TABLE) == {(phase, event) for phase in PHASES for event in EVENTS}
    assert set(ACTIONS) == set(PHASES)


def path(*events, start="start"):
    situation, phases = Situation(start), []
    for event in events:
        situation = follow(situation, event)
        phases.append(situation.state if situation.state != "on" else f"on {situation.slot}")
    return phases


def test_a_trial_goes_through_its_states_image_by_image():
    over, shown = "elapsed", "all_shown"
    assert path(over, "acquired", over, over, over, over, shown, "rewarded", over) == [
        *("acquire", "hold", "on 0", "off", "on 1", "off", "reward", "interval", "start")
    ]


def test_the_session_is_over_when_its_last_interval_is():
    assert path("all_shown", start="interval") == ["abort"]


@pytest.mark.parametrize(
    ("event", "outcome", "reason", "then"),
    [
        ("quit", "stopped", "session_stopped", "abort"),
        ("window_lost", "stopped", "window_lost", "pause"),
        ("gaze_lost", "stopped", "fixation_broken", "pause"),
        ("device_error", "stopped", "device_error", "pause"),
        ("device_gone", "stopped", "device_error", "abort"),
        ("pause", "stopped", "paused", "pause"),
        ("recalibrate", "stopped", "paused", "recalibrate"),
        ("skip", "stopped", "skipped", "interval"),
    ],
)
@pytest.mark.parametrize("phase", RUNNING)
def test_a_trial_that_is_cut_ends_in_grey_and_says_why(phase, event, outcome, reason, then):
    end = follow(Situation(phase, slot=2), event)
    assert (end.state, end.outcome, end.reason, end.slot) == ("end", outcome, reason, 2)
    assert follow(end, "elapsed").state == then


@pytest.mark.parametrize("phase", ["hold", "on", "off"])
def test_an_eye_that_leaves_breaks_a_trial_once_it_held(phase):
    end = follow(Situation(phase), "broken")
    assert (end.state, end.outcome, end.reason, end.then) == ("end", "broken", "fixation_broken", "interval")


def test_nobody_who_looks_in_time_is_an_ignored_trial():
    end = follow(Situation("acquire"), "elapsed")
    assert (end.state, end.outcome, end.reason) == ("end", "ignored", None)


def test_what_is_asked_while_the_valve_is_open_waits_for_it():
    asked = ("quit", "pause", "recalibrate", "skip", "window_lost")
    assert [event for event in asked if not is_kept("reward", event)] == []
    assert all(follow(Situation("reward"), event).state == "reward" for event in asked)
    assert not any(is_kept(phase, event) for phase in PHASES if phase != "reward" for event in EVENTS)


@pytest.mark.parametrize("phase", [phase for phase in PHASES if phase not in ("abort", "reward")])
def test_from_everywhere_a_stop_leads_to_the_end(phase):
    situation = follow(Situation(phase), "quit")
    assert (situation if situation.state == "abort" else follow(situation, "elapsed")).state == "abort"


@pytest.mark.parametrize("phase", ["pause", "recalibrate"])
def test_a_pause_goes_on_with_an_interval_and_with_nothing_else_of_a_trial(phase):
    assert follow(Situation(phase), "continue").state == "interval"
    assert {TABLE[phase, event].to for event in EVENTS} <= {phase, "interval", "recalibrate", "pause", "abort"}


def test_a_state_that_nothing_happens_in_is_the_very_same():
    for phase in PHASES:
        situation = Situation(phase, n_flips=3, slot=1)
        assert follow(situation, "frame") is situation


def test_the_end_leads_nowhere():
    assert {TABLE["abort", event].to for event in EVENTS} == {"abort"}


def test_every_state_can_be_left_for_the_end_of_the_session():
    reached = {"abort"}
    while True:
        more = {phase for (phase, _), move in TABLE.items() if (move.to in reached) or (move.then in reached)}
        if more <= reached:
            break
        reached |= more
    assert reached == set(PHASES)


@pytest.mark.parametrize(
    ("phase", "n_flips", "n_left", "expected"),
    [
        ("on", 5, 3, "frame"),
        ("on", 6, 0, "elapsed"),
        ("off", 6, 1, "elapsed"),
        ("off", 6, 0, "all_shown"),
        ("interval", 30, 1, "elapsed"),
        ("interval", 30, 0, "all_shown"),
        ("pause", 10**6, 1, "frame"),
        ("reward", 10**6, 1, "frame"),
    ],
)
def test_a_state_is_over_after_its_frames(phase, n_flips, n_left, expected):
    assert is_over(Situation(phase, n_flips=n_flips), FRAMES, n_left=n_left) == expected


def test_what_goes_off_is_closed_before_what_comes_on_is_opened():
    assert ACTIONS["on"].after == ("close_image", "open_image")
    for phase in ("off", "reward", "end"):
        assert ACTIONS[phase].after[0] == "close_image"
