"""A session on fake ports beside a stand-in for Blackrock's recorder, whose time is the screen's."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from closedloop.artifacts.day.journal import Journal, read_journal
from closedloop.artifacts.day.journal_checks import check_journal
from closedloop.artifacts.day.journal_rows import RecordingNoted
from rig.machine.apparatus import Apparatus
from rig.machine.between.recordings import RecordingPlan
from rig.machine.presenter import LaunchFacts, Presenter
from rig.machine.state import fresh_state, replay
from rig.operator.commands import Command, NoCommands
from rig.operator.tally import SessionTally
from rig.ports.recorders.blackrock import BlackrockRecorder
from rig.ports.recorders.by_hand import HandRecorder
from rig.ports.recorders.names import Names
from rig.ports.recorders.port import AskedRecorder
from rig.ports.reward import LoggedReward
from rig.ports.timed import Timed
from rig.session.folder import Session, open_session
from rig.session.journal import JournalWriter
from rig.stop import StopRequest
from tests.equipment.fake_pycbsdk import Central
from tests.unit.rig.ports import HZ, FastTracker, FaultyDisplay, Screen, Wire
from tests.unit.rig.test_random_sessions import plan_of

PATTERN = "{session}_launch-{launch}_part-{part}"


class Room(FaultyDisplay):
    """A screen beside which Central's time passes, and where things happen at frames given."""

    def __init__(self, screen, central, happens, *, recorded, kill_at=None):
        super().__init__(screen, kill_at=kill_at)
        self._central, self._happens, self._recorded = central, dict(happens or {}), recorded

    def flip(self, picture, *, at_flip=None):
        flip = super().flip(picture, at_flip=at_flip)
        self._central.pass_time(flip.n_frames / HZ)
        if self._central.is_writing:
            self._recorded.update(range(self.screen.frame - flip.n_frames, self.screen.frame))
        for frame in [frame for frame in self._happens if frame <= self.screen.frame]:
            self._happens.pop(frame)()
        return flip


class Operator:
    """Continues a session as soon as it waits, so many times; before that a hand may do something."""

    def __init__(self, *before_continuing):
        self._before, self.said, self._n_seen = list(before_continuing), [], 0

    def tell(self, line):
        self.said.append(line)

    def poll(self):
        paused = [line for line in self.said if line.startswith("paused: ")]
        if len(paused) == self._n_seen or not self._before:
            return ()
        self._n_seen = len(paused)
        self._before.pop(0)(paused[-1])
        return (Command("continue", "key", lambda _words: None, lambda _words: None),)


@dataclass
class Bench:
    """A session of so many images, three a trial.

    Attributes
    ----------
    recorded
        The frames of the screen that came into a file, over all launches.
    """

    session: Session
    out: object
    central: Central
    screen: Screen = field(default_factory=Screen)
    wire: Wire = field(default_factory=Wire)
    stop: StopRequest = field(default_factory=StopRequest)
    recorded: set[int] = field(default_factory=set)

    def blackrock(self, *, folder=True):
        return BlackrockRecorder(
            "NSP",
            self.central.folder if folder else None,
            now_s=self.central.now_s,
            nap=self.central.pass_time,
        )

    def by_hand(self, *, folder=True):
        return HandRecorder(self.central.folder if folder else None, now_s=self.central.now_s)

    def run(
        self, recorder, *, operator=None, happens=None, on_trial=None, clocks=None, kill_at=None, **split
    ) -> Journal:
        path = self.out / "journal.jsonl"
        display = Room(self.screen, self.central, happens, recorded=self.recorded, kill_at=kill_at)
        self.said = operator.said if operator else []
        with JournalWriter(path) as writer:
            older = read_journal(path)
            writer.go_on(older)
            self.tally = SessionTally(self.session.document)
            for row in older.rows:
                self.tally.note(row)
            writer.listen(self.tally.note)
            names = Names(self.session.document.session_id, len(older.launches), PATTERN)
            plan = RecordingPlan(names, **split)
            if not isinstance(recorder, AskedRecorder):  # as `rig.check.ports.recorder.begin_recording` does
                seen = recorder.start(names.take(1, datetime.now()), self.central.pass_time)
                plan = RecordingPlan(names, begun=seen, **split)
            Presenter(
                session=self.session,
                apparatus=Apparatus(
                    display=display,
                    gaze=FastTracker(self.screen.frame / HZ),
                    reward=LoggedReward(),
                    codes=self.wire,
                    recorder=recorder,
                    clocks=clocks if clocks is not None else ((recorder,) if isinstance(recorder, Timed) else ()),
                    commands=operator or NoCommands(),
                    tell=self.said.append,
                ),
                journal=writer,
                state=replay(self.session, older.rows) if older.rows else fresh_state(self.session),
                n_launches=len(older.launches),
                stop=self.stop,
                after_trial=on_trial or (lambda _state, _now_s: None),
                facts=LaunchFacts(recorder=recorder.name, recording=plan),
            ).run()
        recorder.close()
        return self.journal

    @property
    def journal(self) -> Journal:
        journal = read_journal(self.out / "journal.jsonl")
        check_journal(journal, self.out / "journal.jsonl", plan=plan_of(self.session))
        return journal

    @property
    def files(self) -> list[str]:
        """The recordings that exist, without what Central puts behind their names."""
        return sorted(path.name.removesuffix("001.nev") for path in self.central.folder.iterdir())


def recordings(journal):
    return [(row.state, row.launch, row.part, row.seen_by) for row in journal.rows if isinstance(row, RecordingNoted)]


@pytest.fixture
def central(tmp_path, monkeypatch):
    folder = tmp_path / "recordings"
    folder.mkdir()
    central = Central(folder, time_s=0.0)
    monkeypatch.setitem(sys.modules, "pycbsdk", central.module())
    return central


@pytest.fixture
def make_bench(make_session, tmp_path, central):
    def make(n_presentations=6):
        session = open_session(make_session(n_presentations=n_presentations, session_id="apples-day-03"))
        return Bench(session, tmp_path / "present", central)

    return make
