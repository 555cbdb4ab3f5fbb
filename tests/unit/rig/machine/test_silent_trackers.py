"""A tracker that sends nothing pauses the session, or ends it where nobody is there."""

from __future__ import annotations

import pytest

from closedloop.artifacts.day.journal_rows import (
    Continued,
    Paused,
    TrialEnded,
    TrialStarted,
)
from closedloop.errors import SessionError
from tests.unit.rig.machine.operated import SECOND_IMAGE, Script, events, reasons
from tests.unit.rig.ports import HZ, FastTracker


def test_a_tracker_without_samples_pauses_and_goes_on_by_itself(bench):
    silent = [(SECOND_IMAGE / HZ, SECOND_IMAGE / HZ + 4.0)]
    journal = bench.run(gaze=FastTracker(0.0, silent=silent), commands=Script(bench.screen))
    assert reasons(journal)[1] == (1, "fixation_broken")
    assert [row.by for row in events(journal, Paused)] == ["gaze"]
    assert journal.ended.outcome == "complete"


@pytest.mark.parametrize("phase", range(0, 17, 2))
def test_a_tracker_that_stops_ends_the_trial_within_50_ms(bench, phase):
    last_s = SECOND_IMAGE / HZ + phase / 1000
    journal = bench.run(gaze=FastTracker(0.0, silent=[(last_s + 0.001, last_s + 4.0)]), commands=Script(bench.screen))
    (paused,), ended = events(journal, Paused), events(journal, TrialEnded)[0]
    assert (ended.outcome, paused.by) == ("stopped", "gaze")
    assert ended.time_s - last_s <= 0.050
    assert events(journal, Continued)[0].time_s > last_s + 4.0  # and none was begun while it was silent
    between = [row for row in events(journal, TrialStarted) if ended.time_s < row.time_s < last_s + 4.0]
    assert between == []


def test_a_hiccup_of_a_tracker_ends_no_session_though_nobody_is_there(bench):
    last_s = SECOND_IMAGE / HZ
    journal = bench.run(gaze=FastTracker(0.0, silent=[(last_s, last_s + 0.8)]))
    assert [row.by for row in events(journal, Paused)] == ["gaze"]
    assert journal.ended.outcome == "complete"


def test_a_tracker_that_stops_ends_a_session_that_nobody_watches_within_a_trial(bench):
    last_s = SECOND_IMAGE / HZ
    tracker = FastTracker(0.0, silent=[(last_s, 1e6)])
    with pytest.raises(SessionError, match=r"gaze: expected samples from tracker, found none for 1.0 s. Look at the"):
        bench.run(gaze=tracker)
    journal = bench.journal
    assert len(events(journal, TrialStarted)) == 1
    assert (journal.ended.outcome, journal.ended.n_remaining) == ("stopped", 5)
    assert journal.ended.time_s - last_s <= 1.1
    assert bench.run(gaze=FastTracker(bench.screen.frame / HZ)).ended.outcome == "complete"


def test_a_blink_is_no_silence(bench):
    blink = [(SECOND_IMAGE / HZ, SECOND_IMAGE / HZ + 0.07)]
    journal = bench.run(gaze=FastTracker(0.0, blinks=blink), commands=Script(bench.screen))
    assert not events(journal, Paused)
    assert [row.outcome for row in events(journal, TrialEnded)] == ["completed", "completed"]


class Slow(FastTracker):
    """A tracker of 30 samples a second, which says that it keeps still for as long."""

    silent_after_s = 2 / 30

    def status(self):
        return None

    def note_code(self, code):
        pass

    def clock(self):
        return None

    def check(self):
        pass

    def mend(self):
        pass

    def samples(self, now_s):
        return [one for one in super().samples(now_s) if round(one.time_s * 500) % 16 == 0]


def test_a_tracker_of_few_samples_is_not_silent_between_them(bench):
    journal = bench.run(gaze=Slow(0.0), commands=Script(bench.screen))
    assert not events(journal, Paused)
    assert journal.ended.outcome == "complete"


class Redialled(Slow):
    """One whose link takes a second to be dialled again, and then a moment until the first sample."""

    def __init__(self, screen):
        super().__init__(0.0)
        self._screen, self._mended = screen, None

    def mend(self):
        self._screen.frame += 60
        self._mended = self._screen.frame

    def samples(self, now_s):
        found = super().samples(now_s)
        is_dialling = self._mended is not None and self._screen.frame < self._mended + 3
        return [] if is_dialling else found


def test_a_tracker_that_was_dialled_again_is_not_silent_for_the_time_that_took(bench):
    operator = Script(bench.screen, pause=SECOND_IMAGE + 2, **{"continue": SECOND_IMAGE + 30})
    journal = bench.run(gaze=Redialled(bench.screen), commands=operator)
    assert [row.by for row in events(journal, Paused)] == ["operator"]
    assert journal.ended.outcome == "complete"
