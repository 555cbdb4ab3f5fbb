"""A session of six images on ports that can be replaced, and an operator who asks for things at frames given."""

from __future__ import annotations

from dataclasses import dataclass, field

from closedloop.artifacts.day.journal import Journal, read_journal
from closedloop.artifacts.day.journal_checks import check_journal
from rig.machine.apparatus import Apparatus
from rig.machine.presenter import Presenter
from rig.machine.state import fresh_state, replay
from rig.operator.commands import Command, NoCommands
from rig.ports.recorders.port import NoRecorder
from rig.ports.reward import SilentReward
from rig.session.folder import Session
from rig.session.journal import JournalWriter
from rig.stop import StopRequest
from tests.unit.rig.ports import HZ, FastTracker, FaultyDisplay, Screen, Wire
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


def events(journal, *kinds):
    return [row for row in journal.rows if isinstance(row, kinds)]


def reasons(journal):
    return [(row.presentation_index, row.reason) for row in journal.presentations]
