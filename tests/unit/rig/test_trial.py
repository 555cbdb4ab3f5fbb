"""The trial's rules, in frames of 1/60 s. Expected times are counted by hand:

frame 1 the fixation point, frames 2-6 five gaze samples, 7-16 hold (160 ms are 10 frames), 17 the first image.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedloop.artifacts.day.journal import accepted
from closedloop.artifacts.day.journal_rows import (
    Presentation,
    PresentationBegun,
    TimeOut,
    TrialEnded,
    TrialStarted,
)
from closedloop.errors import SessionError
from rig.ports.gaze import GazePoint, GazeSample

FIRST_IMAGE = 17


def frames(seconds: float) -> int:
    """Seconds as frames of 60 Hz, refusing times between frames."""
    assert seconds * 60 == pytest.approx(round(seconds * 60), abs=1e-6)
    return round(seconds * 60)


def test_images_come_on_every_twelve_frames_and_stay_six(make_rig):
    rig = make_rig(n_presentations=3)
    assert rig.run() == "complete"
    assert [(frames(p.onset_s), frames(p.offset_s)) for p in rig.journal.presentations] == [
        (FIRST_IMAGE + 12 * k, FIRST_IMAGE + 12 * k + 6) for k in range(3)
    ]
    assert all((p.on_frames, p.outcome) == (6, "accepted") for p in rig.journal.presentations)


def test_images_without_grey_between_replace_each_other(make_rig):
    rig = make_rig(n_presentations=3, trial={"off_frames": 0})
    rig.run()
    assert [(frames(p.onset_s), frames(p.offset_s)) for p in rig.journal.presentations] == [
        (17, 23),
        (23, 29),
        (29, 35),
    ]


def test_the_next_trial_begins_after_the_interval(make_rig):
    rig = make_rig(n_presentations=6)
    rig.run()
    ends = [frames(row.time_s) for row in rig.journal.rows if isinstance(row, TrialEnded)]
    starts = [frames(row.time_s) for row in rig.journal.rows if isinstance(row, TrialStarted)]
    assert ends[0] == FIRST_IMAGE + 3 * 12
    assert starts == [1, ends[0] + 30 + 1]  # 500 ms


def test_a_break_rejects_the_image_that_is_up_and_no_other(make_rig):
    rig = make_rig(n_presentations=3)
    second = FIRST_IMAGE + 12
    rig.look_away((second + 1) / 60 - 1e-6, (second + 9) / 60)
    rig.run()
    first_trial = [p for p in rig.journal.presentations if p.trial == 0]
    assert [(p.presentation_index, p.outcome, p.reason) for p in first_trial] == [
        (0, "accepted", None),
        (1, "rejected", "fixation_broken"),
    ]
    # Samples at frames 30, 31, 32 lie outside: three of five and a mean of 6 degrees. The image goes off at frame 33.
    assert frames(first_trial[1].offset_s) == 33
    assert first_trial[1].on_frames == 4


def test_what_was_not_shown_returns_to_the_front_and_the_broken_one_behind_it(make_rig):
    rig = make_rig(n_presentations=3)
    rig.look_away(FIRST_IMAGE / 60, (FIRST_IMAGE + 9) / 60)
    rig.run()
    assert [p.presentation_index for p in rig.journal.presentations] == [0, 1, 2, 0]


@pytest.mark.parametrize("n_away", [1, 2])
def test_one_or_two_stray_samples_break_nothing(make_rig, n_away):
    rig = make_rig(n_presentations=3)
    rig.look_away(FIRST_IMAGE / 60 - 1e-6, (FIRST_IMAGE + n_away) / 60 - 1e-6)
    rig.run()
    assert {p.outcome for p in rig.journal.presentations} == {"accepted"}


def test_a_break_in_the_grey_keeps_the_finished_image_and_costs_the_reward(make_rig):
    rig = make_rig(n_presentations=1)
    rig.look_away((FIRST_IMAGE + 6) / 60 - 1e-6, (FIRST_IMAGE + 20) / 60)
    assert rig.run() == "complete"
    assert [p.outcome for p in rig.journal.presentations] == ["accepted"]
    assert [row.outcome for row in rig.journal.rows if isinstance(row, TrialEnded)] == ["broken"]
    assert rig.reward.given_ms == []


def test_only_whole_trials_are_rewarded(make_rig):
    rig = make_rig(n_presentations=6)
    rig.look_away(FIRST_IMAGE / 60, (FIRST_IMAGE + 9) / 60)
    rig.run()
    ended = [(row.outcome, row.reward_ms) for row in rig.journal.rows if isinstance(row, TrialEnded)]
    assert ended == [("broken", 0.0), ("completed", 80.0), ("completed", 80.0)]
    assert rig.reward.given_ms == [80.0, 80.0]


def test_a_trial_is_ignored_when_nobody_looks_for_two_seconds(make_rig):
    rig = make_rig(n_presentations=3)
    rig.look_away(0.0, 2.1)
    rig.run()
    ended = next(row for row in rig.journal.rows if isinstance(row, TrialEnded))
    assert (ended.outcome, frames(ended.time_s)) == ("ignored", 1 + 120 + 1)
    assert [p.trial for p in rig.journal.presentations] == [1, 1, 1]


def test_five_misses_in_a_row_cost_a_pause_once(make_rig):
    rig = make_rig(n_presentations=3)
    five_trials = 5 * 122 + 4 * 30  # ignored trials of 122 frames, intervals of 30 between
    rig.look_away(0.0, five_trials / 60 + 1e-6)
    rig.run()
    pauses = [row for row in rig.journal.rows if isinstance(row, TimeOut)]
    assert [(row.misses, row.duration_s, frames(row.time_s)) for row in pauses] == [(5, 2.5, five_trials)]
    sixth = next(row for row in rig.journal.rows if isinstance(row, TrialStarted) and row.trial == 5)
    assert frames(sixth.time_s) == five_trials + 30 + 150 + 1


def test_a_session_without_intervals_has_its_time_outs(make_rig):
    rig = make_rig(n_presentations=3, trial={"intertrial_ms": 0.0})
    rig.look_away(0.0, 5 * 122 / 60 + 1e-6)
    rig.run()
    assert [(row.misses, frames(row.time_s)) for row in rig.journal.rows if isinstance(row, TimeOut)] == [(5, 5 * 122)]
    sixth = next(row for row in rig.journal.rows if isinstance(row, TrialStarted) and row.trial == 5)
    assert frames(sixth.time_s) == 5 * 122 + 150 + 1
    seventh = [row for row in rig.journal.rows if isinstance(row, TrialStarted) and row.trial == 6]
    assert not seventh


def test_misses_begin_anew_after_the_pause(make_rig):
    rig = make_rig(n_presentations=3)
    rig.look_away(0.0, (9 * 122 + 8 * 30 + 150) / 60 + 1e-6)  # nine ignored trials
    rig.run()
    assert sum(isinstance(row, TimeOut) for row in rig.journal.rows) == 1


def test_an_image_that_stays_a_frame_too_long_is_shown_again(make_rig):
    rig = make_rig(n_presentations=3)
    rig.dropped_frames = {FIRST_IMAGE + 2}
    assert rig.run() == "complete"
    rows = rig.journal.presentations
    assert [(p.on_frames, p.reason) for p in rows if p.presentation_index == 0] == [(7, "frames_dropped"), (6, None)]
    assert next(row.outcome for row in rig.journal.rows if isinstance(row, TrialEnded)) == "completed"


@pytest.mark.parametrize("n_missing", [1, 3])
def test_an_image_that_goes_off_too_early_is_shown_again(make_rig, n_missing):
    rig = make_rig(n_presentations=3)
    rig.unwaited_frames = range(FIRST_IMAGE + 1, FIRST_IMAGE + 1 + n_missing)
    assert rig.run() == "complete"
    rows = [p for p in rig.journal.presentations if p.presentation_index == 0]
    assert [(p.on_frames, p.outcome, p.reason) for p in rows] == [
        (6 - n_missing, "rejected", "frames_dropped"),
        (6, "accepted", None),
    ]


def test_a_grey_of_a_frame_too_many_rejects_the_image_after_it(make_rig):
    rig = make_rig(n_presentations=3)
    rig.dropped_frames = {FIRST_IMAGE + 8}  # in the grey before the second image
    assert rig.run() == "complete"
    rows = rig.journal.presentations
    assert [(p.presentation_index, p.grey_frames, p.on_frames, p.reason) for p in rows] == [
        (0, None, 6, None),
        (1, 7, 6, "grey_frames_wrong"),
        (2, 6, 6, None),
        (1, None, 6, None),
    ]


def test_a_grey_of_a_frame_too_few_rejects_the_image_after_it(make_rig):
    rig = make_rig(n_presentations=3)
    rig.unwaited_frames = {FIRST_IMAGE + 8}
    assert rig.run() == "complete"
    rows = [p for p in rig.journal.presentations if p.presentation_index == 1]
    assert [(p.grey_frames, p.reason) for p in rows] == [(5, "grey_frames_wrong"), (None, None)]


class LateStamps:
    """A display whose software learns late of some flips: the stamp is wrong, the count of frames is not."""

    def __init__(self, display, late):
        self._display, self._late = display, late

    def __getattr__(self, name):
        return getattr(self._display, name)

    @property
    def facts(self):
        return replace(self._display.facts, frame_counter="oml")

    def flip(self, picture, *, at_flip=None):
        flip = self._display.flip(picture, at_flip=at_flip)
        return replace(flip, time_s=flip.time_s + self._late.get(frames(flip.time_s), 0.0))


@pytest.mark.parametrize("late_s", [0.6 / 60, 1.2 / 60])
def test_a_late_stamp_neither_rejects_a_good_image_nor_hides_a_frame_too_many(make_rig, late_s):
    rig = make_rig(n_presentations=3)
    second = FIRST_IMAGE + 12
    rig.dropped_frames = {second + 2}
    # late stamps: of the first image's offset, and of the second's onset, whose seventh frame a difference would hide
    rig.wrap = lambda display: LateStamps(display, {FIRST_IMAGE + 6: late_s, second: late_s})
    rig.run()
    assert [(p.presentation_index, p.on_frames, p.reason) for p in rig.journal.presentations] == [
        (0, 6, None),
        (1, 7, "frames_dropped"),
        (2, 6, None),
        (1, 6, None),
    ]


class FastGaze:
    """A tracker of 1,000 samples a second whose eye is ten degrees away in a span of rig time."""

    name = "fast"

    def __init__(self, begin_s, end_s):
        self.begin_s, self.end_s, self._n = begin_s, end_s, 0

    def start_trial(self, trial, time_s):
        pass

    def samples(self, now_s):
        found = []
        while (self._n + 1) / 1000 <= now_s:
            self._n += 1
            away = self.begin_s <= self._n / 1000 < self.end_s
            found.append(GazeSample(self._n / 1000, GazePoint(10.0 * away, 0.0)))
        return found

    def close(self):
        pass


@pytest.mark.parametrize(("grace_ms", "reason"), [(20.0, "fixation_broken"), (60.0, None)])
def test_an_eye_that_is_away_for_an_image_s_last_33_ms_rejects_it_where_the_grace_is_shorter(
    make_rig, grace_ms, reason
):
    rig = make_rig(n_presentations=3, trial={"gaze_grace_ms": grace_ms})
    probe = first_offset_s(rig)
    rig.out = rig.out.with_name("away")
    rig.gaze = FastGaze(probe - 2 / 60, probe)
    rig.run()
    first = rig.journal.presentations[0]
    assert (first.on_frames, first.reason) == (6, reason)


def first_offset_s(rig):
    """When the first image goes off with an eye that always fixates."""
    rig.gaze = FastGaze(0.0, 0.0)
    rig.run()
    return rig.journal.presentations[0].offset_s


def test_an_image_is_announced_before_it_is_shown(make_rig):
    rig = make_rig(n_presentations=3)
    rig.run()
    rows = [row for row in rig.journal.rows if isinstance(row, Presentation | PresentationBegun)]
    assert [type(row).__name__ for row in rows] == ["PresentationBegun", "Presentation"] * 3
    for begun, shown in zip(rows[::2], rows[1::2], strict=True):
        assert (begun.ordinal, begun.code, begun.position) == (shown.ordinal, shown.code, shown.position)
        assert frames(begun.time_s) == frames(shown.onset_s) - 1


def test_a_display_that_always_drops_frames_ends_the_session_with_its_remedy(make_rig):
    rig = make_rig(n_presentations=60)
    rig.dropped_frames = range(100_000)
    with pytest.raises(SessionError, match=r"planned number of frames.*rig check"):
        rig.run()
    assert {p.reason for p in rig.journal.presentations} == {"frames_dropped"}


def test_codes_count_ordinals_and_wrap(make_rig):
    rig = make_rig(n_presentations=40, codes={"first_presentation": 3, "n_presentation": 16, "n_trial": 2})
    rig.run()
    assert [p.code for p in rig.journal.presentations] == [3 + k % 16 for k in range(40)]
    assert [row.code for row in rig.journal.rows if isinstance(row, TrialStarted)] == [200 + k % 2 for k in range(14)]


def test_a_stop_between_trials_leaves_the_rest_to_be_resumed(make_rig):
    rig = make_rig(n_presentations=12)
    assert rig.run(stop_after=2) == "stopped"
    assert rig.journal.ended.n_remaining == 6
    assert rig.journal.ended.outcome == "stopped"


class StoppingGaze:
    """Fixates, and asks for a stop at a moment of the rig's clock."""

    name = "stopping"

    def __init__(self, stop, at_s):
        self.stop, self.at_s = stop, at_s

    def start_trial(self, trial, time_s):
        pass

    def samples(self, now_s):
        if now_s >= self.at_s:
            self.stop.ask()
        return (GazeSample(now_s, GazePoint(0.0, 0.0)),)


def test_a_stop_in_an_image_takes_it_off_at_the_next_frame(make_rig):
    rig = make_rig(n_presentations=12)
    rig.gaze = StoppingGaze(rig.stop, (FIRST_IMAGE + 14) / 60 - 1e-6)
    assert rig.run() == "stopped"
    last = rig.journal.presentations[-1]
    assert (last.reason, last.on_frames, frames(last.offset_s)) == ("session_stopped", 3, FIRST_IMAGE + 15)
    assert rig.journal.ended.n_remaining == 11


@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(1, 30),
    per_trial=st.integers(1, 7),
    ignore=st.floats(0, 0.6),
    leave=st.floats(0, 0.9),
    seed=st.integers(0, 10**6),
    dropped=st.frozensets(st.integers(0, 4000), max_size=12),
)
def test_every_planned_presentation_is_accepted_exactly_once_whatever_happens(
    scripted_rig, *, n, per_trial, ignore, leave, seed, dropped
):
    trial = {"presentations_per_trial": per_trial}
    rig = scripted_rig(n_presentations=n, trial=trial, ignore=ignore, leave=leave, seed=seed)
    rig.dropped_frames = dropped
    assert rig.run() == "complete"
    rows = rig.journal.presentations
    assert sorted(p.presentation_index for p in accepted(rows)) == list(range(n))
    assert [p.ordinal for p in rows] == list(range(len(rows)))
    assert all(p.on_frames == 6 for p in accepted(rows))
    assert max(Counter((p.trial, p.position) for p in rows).values()) == 1
