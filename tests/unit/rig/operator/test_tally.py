"""What the operator is told is what the journal's rows count."""

from __future__ import annotations

import json

import pytest

from closedloop.artifacts.day.journal_rows import Continued, Paused, RecordingNoted, RewardNoted, SessionEnded, TimeOut
from rig.operator.state import state_from
from rig.operator.tally import SessionTally
from rig.operator.wording import Quiet, counts, headline, heartbeat, time_left
from tests.unit.rig.operator.conftest import begun, opened, told, trial


def rewarded(state, duration_ms=80.0):
    return RewardNoted(state=state, trial=0, duration_ms=duration_ms, time_s=3.0)


def test_images_trials_and_wrong_frames_are_counted_by_their_rows(document):
    rows = [
        opened(),
        *trial(0, 1.0, reasons=(None, None, "frames_dropped")),
        *trial(1, 4.0, reasons=("grey_frames_wrong", "fixation_broken"), outcome="broken", first=3),
        *trial(2, 7.0, outcome="ignored"),
        TimeOut(misses=5, duration_s=2.5, time_s=10.0),
    ]
    state = told(SessionTally(document), *rows).state(11.0)
    assert (state.n_accepted, state.n_rejected, state.n_wrong_frames) == (2, 3, 2)
    assert (state.n_trials, state.n_completed, state.n_broken, state.n_ignored, state.n_time_outs) == (3, 1, 1, 1, 1)
    assert [(image.image_index, image.reason) for image in state.last_images] == [
        (0, ""),
        (1, ""),
        (2, "frames_dropped"),
        (3, "grey_frames_wrong"),
        (4, "fixation_broken"),
    ]
    assert state_from(json.loads(state.to_json())) == state


def test_time_left_is_the_pace_so_far_and_a_pause_is_no_part_of_it(document):
    tally = told(SessionTally(document), opened())
    for number in range(5):  # 3 images in each 6 s
        told(tally, *trial(number, 6.0 * number, reasons=(None,) * 3, first=3 * number, length_s=6.0))
    assert tally.state(30.0).left_s == 30.0  # 15 of 30 in 30 s
    told(tally, Paused(by="operator", why="tea", time_s=30.0))
    assert tally.state(900.0).running_s == 30.0
    told(tally, Continued(time_s=1000.0))
    assert tally.state(1000.0).left_s == 30.0
    assert tally.state(1030.0).left_s == 60.0  # nothing was accepted since


def test_a_session_that_is_ended_out_of_a_pause_did_not_run_through_it(document):
    tally = told(SessionTally(document), opened(), *trial(0, 0.0, reasons=(None,) * 3, length_s=30.0))
    told(tally, Paused(by="operator", why="tea", time_s=30.0))
    told(tally, SessionEnded(outcome="stopped", n_remaining=27, time_s=900.0))
    assert tally.state(900.0).running_s == 30.0


def test_before_there_is_a_pace_nothing_is_promised(document):
    state = told(SessionTally(document), opened(), *trial(0, 0.0, reasons=(None,) * 3)).state(3.0)
    assert state.left_s is None
    assert time_left(state) == "time left: said once it ran for 20 s"
    ignored = told(SessionTally(document), opened(), *trial(0, 0.0, outcome="ignored")).state(30.0)
    assert time_left(ignored) == "time left: unknown, nothing is accepted yet"


def test_the_last_minutes_have_a_pace_of_their_own(document):
    tally = told(SessionTally(document), opened())
    told(tally, *trial(0, 0.0, reasons=(None,) * 12, length_s=60.0))
    for number in range(1, 12):  # the animal has stopped working
        told(tally, *trial(number, 60.0 * number, outcome="ignored", length_s=60.0))
    state = tally.state(720.0)
    assert (state.left_s, state.left_lately_s) == (18 * 60.0, None)
    assert "nothing accepted in the last 5 min" in time_left(state)


def test_a_launch_counts_on_but_its_pace_is_its_own(document):
    rows = [opened(), *trial(0, 0.0, reasons=(None,) * 3, length_s=100.0), opened(time_s=5.0, segment=1)]
    state = told(SessionTally(document), *rows).state(6.0)
    assert (state.n_accepted, state.running_s, state.left_s) == (3, 1.0, None)


def test_a_reward_counts_once_it_is_confirmed(document):
    tally = told(SessionTally(document), opened(), rewarded("intended"), rewarded("given"))
    assert (tally.state(4.0).reward_ms, tally.state(4.0).n_unconfirmed) == (0.0, 1)
    told(tally, rewarded("acknowledged", 79.0))
    assert (tally.state(4.0).reward_ms, tally.state(4.0).n_unconfirmed) == (79.0, 0)
    told(tally, rewarded("intended"), rewarded("given"), rewarded("failed"))
    state = tally.state(5.0)
    assert (state.reward_ms, state.n_unconfirmed) == (79.0, 0)
    assert next(light for light in state.lights if light.name == "reward").state == "bad"


def test_an_older_rig_s_reward_is_what_its_trials_say(document):
    state = told(SessionTally(document), opened(), *trial(0, 0.0, reward_ms=80.0), *trial(1, 3.0, reward_ms=80.0))
    assert state.state(6.0).reward_ms == 160.0


@pytest.mark.parametrize(
    ("by", "why", "port"),
    [
        ("display", "the window is covered", "display"),
        ("gaze", "no sample for 2 s", "gaze"),
        ("device", "reward: expected the valve to confirm", "reward"),
        ("device", "serial port /dev/ttyUSB0: expected to send a code", "codes"),
    ],
)
def test_a_pause_lights_the_port_it_is_about_until_it_is_over(document, by, why, port):
    tally = told(SessionTally(document), opened(), Paused(by=by, why=why, time_s=1.0))
    state = tally.state(2.0)
    assert [light.words for light in state.lights if light.state == "bad"] == [why]
    assert [light.name for light in state.lights if light.state == "bad"] == [port]
    assert headline(state, Quiet(0.0), "").text == "PAUSED"
    how = "It goes on by itself once that is well again." if by != "device" else "Press p to continue."
    assert headline(state, Quiet(0.0), "").why == f"{state.pause}. {how}"
    assert why in state.pause
    told(tally, Continued(time_s=3.0))
    assert not [light for light in tally.state(4.0).lights if light.state == "bad"]


def test_a_port_that_is_not_there_has_no_good_light(document):
    lights = told(SessionTally(document), opened(codes="file", gaze="none")).state(1.0).lights
    assert {light.name: light.state for light in lights} == {
        "display": "good",
        "gaze": "none",
        "codes": "none",
        "reward": "none",
        "recorder": "none",
    }


def test_an_image_is_near_from_its_announcement_to_the_trial_s_end(document):
    tally = told(SessionTally(document), opened())
    near = []
    for row in trial(0, 1.0, reasons=(None, None)):
        tally.note(row)
        near.append(tally.image_nears)
    assert near == [False, True, True, True, True, False]
    told(tally, begun(2, 5.0), Paused(by="display", why="lost", time_s=6.0))
    assert not tally.image_nears


def test_a_rehearsal_is_marked_whatever_the_session_is(document):
    assert told(SessionTally(document), opened()).state(0.0).mark == "SIMULATED"
    assert told(SessionTally(document), opened(is_rehearsal=True)).state(0.0).mark == "REHEARSAL"


def test_a_rig_that_says_nothing_is_said_to_and_so_is_one_that_is_gone(document):
    tally = told(SessionTally(document), opened())
    state = tally.state(1.0)
    assert headline(state, Quiet(state.quiet_s - 0.1), "").tone == "plain"
    assert "NO WORD FROM THE RIG" in headline(state, Quiet(state.quiet_s + 0.1), "").text
    gone = headline(state, Quiet(0.1, is_over=True), "rig present S --resume")
    assert gone.text == "THE RIG ENDED WITHOUT A WORD"
    assert gone.why.endswith("rig present S --resume")
    told(tally, SessionEnded(outcome="stopped", n_remaining=30, time_s=2.0))
    assert headline(tally.state(2.0), Quiet(0.1, is_over=True), "").text == "STOPPED"


def test_a_rig_is_not_quiet_for_longer_than_a_trial(document):
    trial_s = 2.0 + 0.16 + 3 * 12 / 60  # acquire, hold, three images on and off
    assert trial_s < told(SessionTally(document), opened()).state(0.0).quiet_s < trial_s + 5


def test_the_heart_beats_with_every_message():
    assert heartbeat(Quiet(1.0), n_messages=1) != heartbeat(Quiet(1.0), n_messages=2)


def test_one_wrong_frame_in_a_hundred_images_is_bad(document):
    tally = told(SessionTally(document), opened(), *trial(0, 0.0, reasons=("frames_dropped", *[None] * 98)))
    assert next(tone for what, _, tone in counts(tally.state(1.0)) if what == "wrong frames") == "bad"


def recording(state, seen_by):
    return RecordingNoted(state=state, file="apples-1-1", launch=0, part=1, seen_by=seen_by, time_s=1.0)


@pytest.mark.parametrize(
    ("row", "light", "words"),
    [
        (recording("started", "packets_and_file"), "good", "apples-1-1 (packets and file)"),
        (recording("started", "nobody"), "none", "apples-1-1 (nobody)"),
        (recording("stopped", "file"), "none", "not recording (stopped)"),
        (recording("lost", "nobody"), "none", "not recording (lost)"),
    ],
)
def test_the_recorders_light_is_good_for_what_was_seen_alone(row, light, words, document):
    lights = {one.name: one for one in told(SessionTally(document), opened(), row).state(2.0).lights}
    assert (lights["recorder"].state, lights["recorder"].words) == (light, words)
