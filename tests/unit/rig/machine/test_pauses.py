"""A session pauses, skips and ends as the operator asks, and by itself where the picture cannot be seen."""

from __future__ import annotations

import pytest

from closedloop.artifacts.day.journal import accepted
from closedloop.artifacts.day.journal_rows import (
    Commanded,
    Continued,
    Paused,
    TrialEnded,
)
from rig.display.display import FIXATION
from rig.progress_bar import TimeLeft
from tests.unit.rig.machine.operated import SECOND_IMAGE, Script, events, reasons
from tests.unit.rig.ports import HZ, FaultyDisplay


class Unfocused(FaultyDisplay):
    """A window that loses the keyboard at a frame, and has it again once it was brought back."""

    def __init__(self, screen, at):
        super().__init__(screen)
        self._at, self._is_back = at, False

    def health(self):
        lost = self.screen.frame >= self._at and not self._is_back
        return ("the keyboard writes into a terminal",) if lost else ()

    def bring_back(self):
        self._is_back = True


def test_who_continues_from_another_window_has_the_rig_s_window_brought_back(bench):
    operator = Script(bench.screen, **{"continue": SECOND_IMAGE + 200, "quit": SECOND_IMAGE + 2000})
    journal = bench.run(display=Unfocused(bench.screen, SECOND_IMAGE + 2), commands=operator)
    assert reasons(journal)[:2] == [(0, None), (1, "window_lost")]
    assert events(journal, Paused)[0].by == "display"
    assert journal.ended.outcome == "complete"


def test_a_pause_rejects_the_image_that_is_up_and_lasts_until_the_operator_continues(bench):
    operator = Script(bench.screen, pause=SECOND_IMAGE + 2, **{"continue": SECOND_IMAGE + 300})
    journal = bench.run(commands=operator)
    assert reasons(journal)[:2] == [(0, None), (1, "paused")]
    (paused,), (continued,) = events(journal, Paused), events(journal, Continued)
    assert (paused.by, round((continued.time_s - paused.time_s) * HZ)) == ("operator", 300 - 3)
    assert events(journal, TrialEnded)[0].outcome == "stopped"
    assert sorted(row.presentation_index for row in accepted(journal.rows)) == list(range(6))
    assert [row.command for row in events(journal, Commanded)] == ["pause", "continue"]
    assert operator.answers == {"pause": "paused", "continue": "continued"}


def test_pausing_twice_and_continuing_what_runs_change_nothing_and_say_so(bench):
    asked = {"continue": 3, "pause": 20, "pause_2": 40, "continue_2": 60}
    operator = Script(bench.screen, **asked)
    journal = bench.run(commands=operator)
    assert len(events(journal, Paused)) == len(events(journal, Continued)) == 1
    assert operator.answers["pause_2"] == "paused already"
    assert (operator.answers["continue"], operator.answers["continue_2"]) == ("not paused: it goes on", "continued")


def test_a_skipped_trial_goes_on_with_the_next_one_and_loses_nothing(bench):
    journal = bench.run(commands=Script(bench.screen, skip=SECOND_IMAGE + 2))
    assert reasons(journal)[:2] == [(0, None), (1, "skipped")]
    assert reasons(journal)[2][0] == 2  # what was not shown comes first
    assert not events(journal, Paused)
    assert sorted(row.presentation_index for row in accepted(journal.rows)) == list(range(6))


def test_a_recalibration_shows_the_fixation_point_until_it_is_over(bench):
    operator = Script(bench.screen, recalibrate=SECOND_IMAGE + 2, **{"continue": SECOND_IMAGE + 100})
    display = Remembering(bench.screen)
    journal = bench.run(display=display, commands=operator)
    (paused,), (continued,) = events(journal, Paused), events(journal, Continued)
    during = [picture for time_s, picture in display.shown if paused.time_s < time_s <= continued.time_s]
    assert len(during) > 90
    assert set(during) == {FIXATION}
    assert reasons(journal)[:2] == [(0, None), (1, "paused")]
    assert [row.why for row in events(journal, Paused)] == ["recalibration"]


class Remembering(FaultyDisplay):
    """A display that remembers what it showed, and when."""

    def __init__(self, screen):
        super().__init__(screen)
        self.shown = []

    def flip(self, picture, *, at_flip=None):
        flip = super().flip(picture, at_flip=at_flip)
        self.shown.append((flip.time_s, picture))
        return flip


def test_quit_ends_the_session_at_the_next_frame(bench):
    journal = bench.run(commands=Script(bench.screen, quit=SECOND_IMAGE + 2))
    assert reasons(journal) == [(0, None), (1, "session_stopped")]
    assert journal.presentations[-1].on_frames == 3
    assert (journal.ended.outcome, journal.ended.n_remaining) == ("stopped", 5)


def test_a_quit_out_of_a_pause_ends_the_session(bench):
    journal = bench.run(commands=Script(bench.screen, pause=5, quit=50))
    assert journal.ended.outcome == "stopped"


def test_a_covered_window_rejects_what_it_touched_pauses_and_goes_on_by_itself_a_second_after(bench):
    covered = range(SECOND_IMAGE + 2, SECOND_IMAGE + 30)
    journal = bench.run(display=FaultyDisplay(bench.screen, covered=covered))
    assert reasons(journal)[:2] == [(0, None), (1, "window_lost")]
    (paused,), (continued,) = events(journal, Paused), events(journal, Continued)
    assert (paused.by, "covers it" in paused.why) == ("display", True)
    assert 60 <= round(continued.time_s * HZ) - covered[-1] <= 62
    assert bench.said == ["paused: display: a window covers it"]
    assert journal.ended.outcome == "complete"


def test_a_window_covered_in_an_image_s_last_frame_rejects_it(bench):
    journal = bench.run(display=FaultyDisplay(bench.screen, covered=[SECOND_IMAGE + 6]))
    assert [(row.on_frames, row.reason) for row in journal.presentations][1] == (6, "window_lost")


def test_what_the_operator_paused_as_well_waits_for_the_operator(bench):
    covered = range(SECOND_IMAGE + 2, SECOND_IMAGE + 30)
    operator = Script(bench.screen, pause=SECOND_IMAGE + 20, **{"continue": SECOND_IMAGE + 500})
    journal = bench.run(display=FaultyDisplay(bench.screen, covered=covered), commands=operator)
    assert round(events(journal, Continued)[0].time_s * HZ) >= SECOND_IMAGE + 500


class Unsynced(FaultyDisplay):
    """A display of which the flips of a span do not wait: sixteen come in a frame."""

    def __init__(self, screen, flips):
        super().__init__(screen)
        self.n_flips, self._flips = 0, flips

    def flip(self, picture, *, at_flip=None):
        self.n_flips += 1
        if self.n_flips in self._flips and self.n_flips % 16:
            self._early.add(self.screen.frame)
        return super().flip(picture, at_flip=at_flip)


@pytest.mark.parametrize("first", [3, SECOND_IMAGE + 2, SECOND_IMAGE + 8])
def test_a_screen_that_is_not_waited_for_any_more_pauses_until_it_is(bench, first):
    journal = bench.run(display=Unsynced(bench.screen, range(first, first + 1600)))
    [paused] = events(journal, Paused)
    assert (paused.by, "do not wait for the screen" in paused.why) == ("display", True)
    [continued] = events(journal, Continued)
    assert round((continued.time_s - paused.time_s) * HZ) > 60
    assert len([row for row in events(journal, TrialEnded) if row.outcome == "ignored"]) == 0
    assert journal.ended.outcome == "complete"


def test_time_left_leaves_a_pause_out(bench):
    texts, left = [], TimeLeft()
    operator = Script(bench.screen, pause=SECOND_IMAGE + 2, **{"continue": SECOND_IMAGE + 6000})
    bench.run(commands=operator, on_trial=lambda state, now_s: texts.append(left.text(state, now_s)))
    assert texts[1] == "0.0 min of session left"  # 2 of 5 images: a second; with the pause it would be a minute
