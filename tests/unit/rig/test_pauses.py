"""What an operator asks, what the rig notices by itself, and what a valve confirms: on the real machine, fake ports."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import pytest

from closedloop.artifacts.day.journal import Journal, accepted, read_journal
from closedloop.artifacts.day.journal_checks import check_journal
from closedloop.artifacts.day.journal_rows import (
    Commanded,
    Continued,
    Paused,
    PresentationBegun,
    RewardNoted,
    TrialEnded,
    TrialStarted,
)
from closedloop.artifacts.day.session import TwinSettings
from closedloop.artifacts.day.session_summary import summarize
from closedloop.errors import SessionError
from rig.display.display import FIXATION
from rig.machine.apparatus import Apparatus
from rig.machine.presenter import LaunchFacts, Presenter
from rig.machine.state import fresh_state, replay
from rig.operator.commands import Command, NoCommands
from rig.ports.gaze import NoGaze
from rig.ports.recorders.port import NoRecorder
from rig.ports.reward import LoggedReward, SilentReward
from rig.progress_bar import TimeLeft
from rig.session.folder import Session, open_session
from rig.session.journal import JournalWriter
from rig.stop import StopRequest
from tests.unit.rig.ports import HZ, FastTracker, FaultyDisplay, PowerGone, Screen, SlowValve, Wire
from tests.unit.rig.test_random_sessions import plan_of

ACQUIRED = 6  # frames: the fixation point, five of gaze
FIRST_IMAGE = ACQUIRED + 10 + 1
SECOND_IMAGE = FIRST_IMAGE + 12


class Script:
    """An operator who asks for things at frames given."""

    def __init__(self, screen, **asked):
        self._screen, self._asked = screen, sorted((frame, name) for name, frame in asked.items())
        self.answers = {}

    def poll(self):
        now = [(frame, name) for frame, name in self._asked if frame <= self._screen.frame]
        self._asked = self._asked[len(now) :]
        return tuple(self._command(name) for _, name in now)

    def _command(self, name):
        return Command(
            name.rstrip("0123456789_"),
            "key",
            lambda words: self.answers.update({name: words}),
            lambda words: self.answers.update({name: f"refused: {words}"}),
        )


@dataclass
class Bench:
    """A session of six images, three a trial, on ports that can be replaced."""

    session: Session
    out: object
    screen: Screen = field(default_factory=Screen)
    wire: Wire = field(default_factory=Wire)
    said: list[str] = field(default_factory=list)
    stop: StopRequest = field(default_factory=StopRequest)

    def run(self, *, display=None, gaze=None, reward=None, commands=None, facts=None, on_trial=None) -> Journal:
        path = self.out / "journal.jsonl"
        with JournalWriter(path) as writer:
            older = read_journal(path)
            writer.go_on(older)
            apparatus = Apparatus(
                display=display or FaultyDisplay(self.screen),
                gaze=gaze or FastTracker(self.screen.frame / HZ),
                reward=reward or SilentReward(),
                codes=self.wire,
                recorder=NoRecorder(),
                commands=commands or NoCommands(),
                tell=self.said.append,
            )
            Presenter(
                session=self.session,
                apparatus=apparatus,
                journal=writer,
                state=replay(self.session, older.rows) if older.rows else fresh_state(self.session),
                n_launches=len(older.launches),
                stop=self.stop,
                after_trial=on_trial or (lambda _state, _now_s: None),
                facts=facts,
            ).run()
        return self.journal

    @property
    def journal(self) -> Journal:
        journal = read_journal(self.out / "journal.jsonl")
        check_journal(journal, self.out / "journal.jsonl", plan=plan_of(self.session))
        return journal


@pytest.fixture
def bench(make_session, tmp_path):
    return Bench(open_session(make_session(n_presentations=6)), tmp_path / "present")


def events(journal, *kinds):
    return [row for row in journal.rows if isinstance(row, kinds)]


def reasons(journal):
    return [(row.presentation_index, row.reason) for row in journal.presentations]


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


def test_a_device_that_fails_while_the_session_is_paused_is_told_of(bench):
    at = (SECOND_IMAGE + 100) / HZ
    operator = Script(bench.screen, pause=SECOND_IMAGE + 2, **{"continue": SECOND_IMAGE + 300})
    bench.run(gaze=FastTracker(0.0, gone=[(at, at + 0.01)]), commands=operator)
    assert bench.said == ["gaze: expected the tracker, found none. Check its cable."]


def test_nobody_looks_at_the_eye_where_viewing_is_passive(bench):
    journal = bench.run(gaze=NoGaze(), commands=Script(bench.screen))
    assert journal.launches[0].gaze == "none"
    assert not events(journal, Paused)
    assert [row.outcome for row in journal.presentations] == ["accepted"] * 6
    assert [row.outcome for row in events(journal, TrialEnded)] == ["completed", "completed"]


def test_a_device_that_fails_pauses_where_an_operator_can_mend_it(bench):
    bench.wire.fails = {3}  # the trial's code, the first image's, the second one's
    operator = Script(bench.screen, **{"continue": SECOND_IMAGE + 100})
    journal = bench.run(commands=operator)
    assert reasons(journal)[:2] == [(0, None), (1, "device_error")]
    (paused,) = events(journal, Paused)
    assert (paused.by, "digital codes: expected the device" in paused.why) == ("device", True)
    assert journal.ended.outcome == "complete"


class AnsweringWire(Wire):
    """A code line whose device says a flip later what became of a code: one was lost."""

    def __init__(self, lost):
        super().__init__()
        self._lost, self.n_mended = lost, 0

    def check(self):
        if self._lost is not None and len(self.codes) >= self._lost:
            self._lost = None
            raise SessionError("codes: expected the code to be strobed, found no answer. Check the cable.")

    def mend(self):
        self.n_mended += 1


def test_a_code_that_turns_out_lost_rejects_its_image_and_its_device_is_mended_when_the_operator_continues(bench):
    bench.wire = AnsweringWire(lost=3)  # the trial's code, the first image's, the second one's
    journal = bench.run(commands=Script(bench.screen, **{"continue": SECOND_IMAGE + 100}))
    assert reasons(journal)[:2] == [(0, None), (1, "device_error")]
    (paused,) = events(journal, Paused)
    assert (paused.by, "expected the code to be strobed" in paused.why) == ("device", True)
    assert bench.wire.n_mended == 1
    assert journal.ended.outcome == "complete"


def test_a_device_that_fails_ends_the_session_where_nobody_is_there_and_it_can_be_resumed(bench):
    bench.wire.fails = {3}
    with pytest.raises(SessionError, match=r"digital codes: expected the device to answer, found: no such device"):
        bench.run()
    assert reasons(bench.journal) == [(0, None), (1, "device_error")]
    assert bench.journal.ended.outcome == "stopped"
    journal = bench.run()
    assert sorted(row.presentation_index for row in accepted(journal.rows)) == list(range(6))


def rewards(journal):
    return [(row.state, row.trial, row.duration_ms) for row in events(journal, RewardNoted)]


def test_without_a_valve_no_reward_is_noted_and_none_is_counted(bench):
    journal = bench.run(reward=SilentReward())
    assert rewards(journal) == []
    assert [row.reward_ms for row in events(journal, TrialEnded)] == [0.0, 0.0]
    assert summarize(bench.session.document, journal).reward_ms == 0.0
    assert journal.launches[0].reward == "none"


def test_a_reward_is_intended_given_and_counted_when_the_valve_confirmed_it(bench):
    journal = bench.run(reward=SlowValve(lambda: bench.screen.frame / HZ, Random(0)))
    steps = ("intended", "given", "acknowledged")
    assert rewards(journal) == [(step, trial, 80.0) for trial in (0, 1) for step in steps]
    ended = events(journal, TrialEnded)
    assert [row.reward_ms for row in ended] == [80.0, 80.0]
    given = next(row for row in events(journal, RewardNoted) if row.state == "given")
    assert round((ended[0].time_s - given.time_s) * HZ) == 5  # 80 ms and the rest of a frame
    assert summarize(bench.session.document, journal).reward_ms == 160.0


def test_a_valve_that_never_confirms_counts_nothing_and_tells_the_operator(bench):
    operator = Script(bench.screen, **{"continue": 300})
    valve = SlowValve(lambda: bench.screen.frame / HZ, Random(0), dead=1.0)
    bench.run(reward=valve, commands=Both(operator, Script(bench.screen, quit=400)))
    journal = bench.journal
    assert [step for step, _, _ in rewards(journal)][:3] == ["intended", "given", "failed"]
    assert events(journal, TrialEnded)[0].reward_ms == 0.0
    assert "expected the valve to confirm 80 ms" in bench.said[0]


class Both:
    """Two operators."""

    def __init__(self, *operators):
        self._operators = operators

    def poll(self):
        return tuple(command for operator in self._operators for command in operator.poll())


def test_a_stop_while_the_valve_is_open_waits_for_it(bench):
    end_of_trial = FIRST_IMAGE + 3 * 12
    operator = Script(bench.screen, quit=end_of_trial + 1)
    journal = bench.run(reward=SlowValve(lambda: bench.screen.frame / HZ, Random(0)), commands=operator)
    assert rewards(journal)[-1][0] == "acknowledged"
    assert (events(journal, TrialEnded)[0].outcome, journal.ended.outcome) == ("completed", "stopped")


def test_the_operator_s_own_reward_counts_beside_the_trials(bench):
    operator = Script(bench.screen, reward=3)
    journal = bench.run(reward=LoggedReward(), commands=operator)
    assert [trial for step, trial, _ in rewards(journal) if step == "acknowledged"] == [None, 0, 1]
    assert [row.reward_ms for row in events(journal, TrialEnded)] == [80.0, 80.0]
    assert summarize(bench.session.document, journal).reward_ms == 240.0
    assert operator.answers["reward"] == "reward 80 ms: given"


@pytest.mark.parametrize("after", [False, True])
def test_an_image_that_a_kill_cut_never_gives_its_ordinal_nor_its_code_again(bench, after):
    with pytest.raises(PowerGone):
        bench.run(display=FaultyDisplay(bench.screen, kill_at=(SECOND_IMAGE - 1, after)))
    begun = events(bench.journal, PresentationBegun)
    assert [row.ordinal for row in begun] == [0, 1]
    assert [row.presentation_index for row in bench.journal.presentations] == [0]
    journal = bench.run()
    assert [row.ordinal for row in events(journal, PresentationBegun)] == list(range(7))
    codes = [code for code in bench.wire.codes if code < 200]
    assert len(set(codes)) == len(codes) == 6 + after
    assert summarize(bench.session.document, journal).n_cut == 1
    assert sorted(row.presentation_index for row in accepted(journal.rows)) == list(range(6))


def test_a_trial_that_a_kill_cut_never_gives_its_code_again(bench):
    with pytest.raises(PowerGone):
        bench.run(display=FaultyDisplay(bench.screen, kill_at=(0, True)))
    assert bench.wire.codes == [200]
    assert not events(bench.journal, TrialStarted)
    bench.run()
    assert [code for code in bench.wire.codes if code >= 200] == [200, 201, 202]


def test_after_a_power_cut_the_numbers_of_a_trial_are_left_out(bench):
    with pytest.raises(PowerGone):
        bench.run(
            display=FaultyDisplay(bench.screen, kill_at=(SECOND_IMAGE + 1, True)), facts=LaunchFacts(boot_id="one")
        )
    journal = bench.run(facts=LaunchFacts(boot_id="two", was_cut=True))
    assert [row.first_ordinal for row in journal.launches] == [0, 2 + 3]
    assert [row.first_trial for row in journal.launches] == [0, 1 + 1]
    assert sorted(row.presentation_index for row in accepted(journal.rows)) == list(range(6))


def test_twins_that_could_not_be_kept_apart_are_counted_and_said_in_one_line(make_session, tmp_path):
    twins = TwinSettings(least_presentations=3, clean_of_image=(0, 1, 2, 0))
    folder = make_session(n_images=4, n_presentations=4, twins=twins)
    bench = Bench(open_session(folder), tmp_path / "present")
    # the first image is broken, the two after it return to the front: only beside its twin is a place left
    bench.run(gaze=FastTracker(0.0, away=[(FIRST_IMAGE / HZ, FIRST_IMAGE / HZ + 0.1)]))
    journal = bench.journal
    assert [row.image_index for row in journal.presentations] == [0, 1, 2, 3, 0]
    assert journal.ended.n_twins_too_near == summarize(bench.session.document, journal).n_twins_too_near == 1
    assert bench.said == [
        "1 presentation was accepted closer to a twin than the 3 presentations planned: there were no others left "
        "between."
    ]


class NobodyThere(list):
    """An operator who cannot be told anything."""

    def append(self, line):
        raise OSError("nobody there")


def test_an_end_that_was_written_is_not_written_again_where_nobody_can_be_told(make_session, tmp_path):
    twins = TwinSettings(least_presentations=3, clean_of_image=(0, 1, 2, 0))
    bench = Bench(open_session(make_session(n_images=4, n_presentations=4, twins=twins)), tmp_path / "present")
    bench.said = NobodyThere()
    with pytest.raises(OSError, match="nobody there"):
        bench.run(gaze=FastTracker(0.0, away=[(FIRST_IMAGE / HZ, FIRST_IMAGE / HZ + 0.1)]))
    assert bench.journal.ended.outcome == "complete"


def test_a_rejected_image_returns_at_its_distance_from_its_twin(make_session, tmp_path):
    twins = TwinSettings(least_presentations=3, clean_of_image=(0, 1, 2, 0, 4, 5))
    bench = Bench(open_session(make_session(n_presentations=6, twins=twins)), tmp_path / "present")
    journal = bench.run(gaze=FastTracker(0.0, away=[(FIRST_IMAGE / HZ, FIRST_IMAGE / HZ + 0.1)]))
    # of the places behind images 1 and 2 only the last is three from image 3
    assert [row.image_index for row in journal.presentations] == [0, 1, 2, 3, 4, 5, 0]
    assert (journal.ended.n_twins_too_near, bench.said) == (0, [])


def test_a_session_that_ends_waits_for_the_operator_s_own_reward(bench):
    operator = Script(bench.screen, reward=10, quit=11)
    journal = bench.run(reward=SlowValve(lambda: bench.screen.frame / HZ, Random(0)), commands=operator)
    assert rewards(journal) == [(step, None, 80.0) for step in ("intended", "given", "acknowledged")]
    assert summarize(bench.session.document, journal).reward_ms == 80.0
