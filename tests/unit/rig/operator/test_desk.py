"""The desk beside a real machine on a virtual clock: who asks is answered, and no image waits for a panel."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field

import pytest

from closedloop.artifacts.day.journal import read_journal
from closedloop.artifacts.day.journal_rows import (
    Commanded,
    Continued,
    Paused,
    Presentation,
    PresentationBegun,
    TrialEnded,
)
from rig.apparatus import Launch
from rig.display.headless import HeadlessDisplay
from rig.launch import run_launch
from rig.machine.apparatus import Apparatus
from rig.machine.presenter import Presenter
from rig.machine.state import fresh_state
from rig.operator.channel import Channel, pair
from rig.operator.desk import Desk
from rig.operator.mailbox import Mailbox
from rig.operator.panel import NoPanel
from rig.operator.tally import SessionTally
from rig.operator.tell import ask_status, is_at_work, tell
from rig.ports.clock import VirtualClock
from rig.ports.codes import FileCodes
from rig.ports.recorders.port import NoRecorder
from rig.ports.reward import LoggedReward
from rig.session.folder import open_session
from rig.session.journal import JournalWriter
from rig.stop import StopRequest
from rig.wiring.gaze import scripted_gaze

MOST_PICTURES = 200_000  # what waits for a key that never comes fails before it has taken all memory


class Typist(HeadlessDisplay):
    """A display on which keys are pressed at flips given."""

    def __init__(self, clock, keys, **settings):
        super().__init__(clock, **settings)
        self._keys = dict(keys)
        self.pictures = []

    def flip(self, picture, *, at_flip=None):
        self.pictures.append(picture)
        assert len(self.pictures) < MOST_PICTURES, "nothing ended the session"
        return super().flip(picture, at_flip=at_flip)

    def keys(self):
        return self._keys.pop(len(self.pictures), ())


@dataclass
class Watched(NoPanel):
    """A panel that takes every state it can get; what came before each is in `events`."""

    events: list[object] = field(default_factory=list)
    has_the_terminal: bool = False
    died: str = ""

    def is_due(self):
        return True

    def update(self, state):
        self.events.append(state)

    def fault(self):
        return self.died


class Bench:
    """A long session with a scripted monkey, a desk, and a place for sockets."""

    def __init__(self, tmp_path, folder, *, keys=()):
        self.session, self.out, self.sockets = open_session(folder), tmp_path / "present", tmp_path / "sockets"
        self.panel, self.reward = Watched(), LoggedReward()
        screen = self.session.document.screen
        clock = VirtualClock(screen.refresh_hz)
        settings = {"refresh_hz": screen.refresh_hz, "width_px": screen.width_px, "height_px": screen.height_px}
        self.display = Typist(clock, keys, **settings)

    def run(self):
        """Show the session to its end, or until somebody stops it."""
        with JournalWriter(self.out / "journal.jsonl") as journal:
            mailbox = Mailbox(self.session.folder, self.out, folder=self.sockets)
            with Desk(SessionTally(self.session.document), self.panel, mailbox) as desk:
                journal.listen(lambda row: (self.panel.events.append(row), desk.note(row)))
                apparatus = Apparatus(
                    display=desk.watch_display(self.display),
                    gaze=desk.watch_gaze(scripted_gaze(self.session)),
                    reward=self.reward,
                    codes=FileCodes(),
                    recorder=NoRecorder(),
                    commands=desk,
                )
                return Presenter(
                    session=self.session,
                    apparatus=apparatus,
                    journal=journal,
                    state=fresh_state(self.session),
                    n_launches=0,
                    stop=StopRequest(),
                    after_trial=lambda _state, _now_s: None,
                ).run()

    def rows(self, kind):
        return [row for row in read_journal(self.out / "journal.jsonl").rows if isinstance(row, kind)]


@pytest.fixture
def bench(tmp_path, make_session):
    return Bench(tmp_path, make_session(n_presentations=3000))


def ask_all(bench, names, answers):
    """Ask one thing after another, as soon as there is a rig."""
    while not is_at_work(bench.session.folder, folder=bench.sockets):
        pass
    for name in names:
        if name == "status":
            answers.append(ask_status(bench.session.folder, None, folder=bench.sockets))
        else:
            answers.append(tell(bench.session.folder, None, name, folder=bench.sockets))


def test_a_terminal_pauses_rewards_continues_and_ends_a_session_that_runs(bench):
    answers = []
    names = ["pause", "status", "pause", "reward", "skip", "continue", "continue", "quit"]
    asking = threading.Thread(target=ask_all, args=(bench, names, answers))
    asking.start()
    assert bench.run() == "stopped"
    asking.join()
    paused, status, again, rewarded, skipped, went_on, already, quit_ = answers
    assert (paused.outcome, paused.words) == ("done", "paused")
    assert (status.doing, status.n_planned) == ("paused", 3000)
    assert (again.outcome, again.words) == ("done", "paused already")
    assert "given" in rewarded.words
    assert bench.reward.given_ms[0] == bench.session.document.trial.reward_ms
    assert (skipped.outcome, skipped.words) == ("refused", "nothing to skip: paused")
    assert went_on.words == "continued"
    assert (already.outcome, already.words) == ("done", "not paused: it goes on")
    assert quit_.outcome == "done"
    asked = [row.command for row in bench.rows(Commanded)]
    assert asked == [name for name in names if name != "status"]
    assert {row.origin for row in bench.rows(Commanded)} == {"terminal"}
    assert len(bench.rows(Paused)) == len(bench.rows(Continued)) == 1


def test_keys_of_the_animal_s_window_count_and_the_end_is_confirmed(tmp_path, make_session):
    keys = {40: ("p",), 90: ("p",), 200: ("escape",), 300: ("x",), 400: ("escape", "q")}
    bench = Bench(tmp_path, make_session(n_presentations=3000), keys=keys)
    bench.display.keys = keyed_once_a_look(bench.display)
    assert bench.run() == "stopped"
    assert [(row.command, row.origin) for row in bench.rows(Commanded)] == [
        ("pause", "key"),
        ("continue", "key"),
        ("quit", "key"),
    ]


def test_what_became_of_a_key_is_said_to_who_watches(tmp_path, make_session):
    keys = {40: ("p",), 90: ("s",), 200: ("q",), 300: ("q",)}
    bench = Bench(tmp_path, make_session(n_presentations=3000), keys=keys)
    bench.display.keys = keyed_once_a_look(bench.display)
    bench.run()
    said = dict.fromkeys(state.said for state in bench.panel.events if not hasattr(state, "event"))
    assert list(said) == ["", "paused", "nothing to skip: paused", "stops"]


def keyed_once_a_look(display):
    """Return `keys` for a clock that runs faster than the desk looks: what was pressed waits, as in a real window.

    A finger is a second away from its next press, whenever the desk looks.
    """
    waiting, script, next_flip = [], dict(display._keys), 0

    def keys():
        nonlocal next_flip
        if len(display.pictures) < next_flip:
            return ()
        next_flip = len(display.pictures) + 60
        for flip in [flip for flip in script if flip <= len(display.pictures)]:
            waiting.append(script.pop(flip))
        return waiting.pop(0) if waiting else ()

    return keys


def test_a_panel_is_told_between_trials_and_never_while_an_image_is_near(tmp_path, make_session):
    bench = Bench(tmp_path, make_session(n_presentations=60))
    bench.run()
    is_near, n_told = False, 0
    for event in bench.panel.events:
        if isinstance(event, PresentationBegun):
            is_near = True
        elif isinstance(event, TrialEnded):
            is_near = False
        elif not hasattr(event, "event"):
            n_told += 1
            assert not is_near
    assert n_told > 200  # each flip between images, for this panel is always due
    last = bench.panel.events[-1]
    assert (last.outcome, last.n_accepted, last.fault) == ("complete", 60, "")
    shown = bench.rows(Presentation)
    assert last.n_rejected == sum(row.outcome == "rejected" for row in shown) > 0


def test_a_panel_that_dies_is_said_once_and_the_session_goes_on(tmp_path, make_session, capsys):
    bench = Bench(tmp_path, make_session(n_presentations=60))
    bench.panel.died = "operator window: it has ended"
    assert bench.run() == "complete"
    assert capsys.readouterr().err.count("operator window: it has ended. The session goes on") == 1


def test_an_error_that_ends_the_session_reaches_the_panel_and_who_waits(bench):
    bench.display.prepare = fail
    with pytest.raises(OSError, match="no more memory"):
        bench.run()
    assert "no more memory" in bench.panel.events[-1].fault


def fail(_indices):
    raise OSError("no more memory")


def test_a_reader_that_sleeps_never_holds_up_who_sends():
    here, there = pair()
    with contextlib.closing(Channel(here)) as rig, contextlib.closing(Channel(there)) as panel:
        text = PanelText.of_usual_length()
        n_sent = 0
        while rig.send(text):
            n_sent += 1
        assert not rig.send(text)
        assert len(panel.receive()) == n_sent > 1
        assert rig.send(text)
        panel.close()
        assert not rig.send(text)
        assert not rig.is_open


class PanelText:
    """A message as long as a state."""

    @staticmethod
    def of_usual_length():
        return '{"eye":"' + "x" * 4000 + '"}'


def test_a_dry_run_has_no_operator_and_leaves_nobody_waiting(make_session, tmp_path):
    session = make_session(n_presentations=12)
    launch = Launch(session=session, out=tmp_path / "present", display="headless")
    run_launch(launch, stop=StopRequest(), on_trial=lambda *_: None)
    assert not is_at_work(session)
