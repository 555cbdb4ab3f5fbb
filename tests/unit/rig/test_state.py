"""What is counted of a session: dropped frames until one is shown whole, misses until a trial is completed."""

from __future__ import annotations

import pytest

from closedloop.artifacts.day.journal_rows import LaunchOpened, Presentation, TrialStarted
from closedloop.errors import SessionError
from rig.machine.state import MAX_DROPS_IN_A_ROW, MAX_DROPS_OF_ONE, SessionState, replay
from rig.session.folder import open_session
from tests.unit.artifacts.day.test_session import session


def shown(index, *, reason=None, ordinal=0, trial=0, stimulus_id="a"):
    return Presentation(
        ordinal=ordinal,
        trial=trial,
        position=0,
        presentation_index=index,
        image_index=index,
        stimulus_id=stimulus_id,
        repetition=0,
        code=1,
        onset_s=0.0,
        offset_s=0.1,
        planned_on_frames=6,
        on_frames=7 if reason else 6,
        planned_off_frames=6,
        outcome="rejected" if reason else "accepted",
        reason=reason,
    )


def opened(number):
    return LaunchOpened(
        segment=number,
        session_id="study/day-00",
        simulated=False,
        display="psychopy",
        clock="real",
        refresh_hz=60.0,
        first_ordinal=1000,
        first_trial=1000,
        time_s=0.0,
        utc=None,
    )


def fresh():
    return SessionState(session(), [0])


def settled(*rows):
    state = fresh()
    for row in rows:
        state.show(row)
    return state


def test_drops_in_a_row_end_with_a_presentation_that_was_shown_whole():
    drops = [shown(index, reason="frames_dropped") for index in range(MAX_DROPS_IN_A_ROW)]
    with pytest.raises(SessionError, match=f"for {MAX_DROPS_IN_A_ROW} presentations in a row"):
        settled(*drops).refuse_dropping_display()
    state = settled(*drops[:-1], shown(50), drops[-1])
    assert state.drops_in_a_row == 1
    state.refuse_dropping_display()


def test_a_broken_fixation_is_no_dropped_frame():
    state = settled(shown(0, reason="frames_dropped"), shown(1, reason="fixation_broken"))
    assert (state.drops_in_a_row, dict(state.drops)) == (1, {0: 1})


def test_a_wrong_grey_is_the_display_s_fault_as_a_dropped_frame_is():
    state = settled(shown(0, reason="frames_dropped"), shown(1, reason="grey_frames_wrong"))
    assert (state.drops_in_a_row, dict(state.drops)) == (2, {0: 1, 1: 1})


def test_ignored_and_broken_trials_are_misses_until_one_is_completed():
    state = fresh()
    misses = []
    for outcome in ("ignored", "broken", "broken", "stopped", "completed", "broken"):
        state.end_trial(outcome)
        misses.append(state.misses)
    assert misses == [1, 2, 3, 3, 0, 1]


def test_misses_begin_anew_after_their_time_out():
    state = fresh()
    state.misses, state.time_out_written = 5, True
    state.start_trial(7)
    assert (state.misses, state.time_out_written, state.next_trial) == (0, False, 8)


def test_how_often_one_presentation_was_dropped_is_counted_from_the_launch_on(make_session):
    opened_session = open_session(make_session(n_presentations=1, n_images=1))
    one = opened_session.planned[0].stimulus_id

    def dropped_times(n, *, trial):
        for k in range(trial, trial + n):
            yield TrialStarted(trial=k, code=1, time_s=0.0)
            yield shown(0, reason="frames_dropped", ordinal=k, trial=k, stimulus_id=one)

    first = [opened(0), *dropped_times(MAX_DROPS_OF_ONE, trial=0)]
    before = replay(opened_session, first)
    assert before.drops[0] == MAX_DROPS_OF_ONE
    with pytest.raises(SessionError, match=f"{MAX_DROPS_OF_ONE} times for one"):
        before.refuse_dropping_display()
    after = replay(opened_session, [*first, opened(1), *dropped_times(1, trial=MAX_DROPS_OF_ONE)])
    assert (after.drops[0], after.drops_in_a_row, after.n_rejections[0]) == (1, 1, MAX_DROPS_OF_ONE + 1)
    after.refuse_dropping_display()
