"""The operator's desk: what happens at the rig comes to it, what the operator asks leaves it.

It listens at the journal and at the ports, so that the state machine does nothing for it but ask for commands. A panel
is told between trials and while the animal acquires fixation, never from the first image of a trial to its end.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from closedloop.artifacts.day.journal_rows import CommandName, JournalRow
from closedloop.errors import ClosedLoopError, visible
from closedloop.terminal.streams import say
from rig.display.display import Display, Flip, Picture
from rig.operator.commands import Command
from rig.operator.keys import KeyReader
from rig.operator.mailbox import Mailbox
from rig.operator.panel import Panel, SpokenFaults
from rig.operator.state import Light, PanelState
from rig.operator.tally import SessionTally
from rig.operator.typed import TypedWords
from rig.operator.watched import EyeTrace, WatchedDisplay, WatchedGaze
from rig.ports.gaze import Gaze

_LOOK_S = 0.005  # a virtual clock has thousands of frames between two of these; a screen has fewer than one
_SAID_S = 5.0  # until what became of a key is taken away


class Desk:
    """Where an operator sits.

    Parameters
    ----------
    tally
        Counts the session.
    panel
        What the operator watches.
    mailbox
        Where another terminal reaches the rig; None where there is no place for one.
    typed
        The rig's own terminal, where no page fills it.
    """

    def __init__(
        self, tally: SessionTally, panel: Panel, mailbox: Mailbox | None, typed: TypedWords | None = None
    ) -> None:
        self._tally, self._panel, self._mailbox = tally, panel, mailbox
        self._typed = typed or TypedWords()
        self._trace, self._keys, self._faults = EyeTrace(), KeyReader(), SpokenFaults()
        self._display: Display | None = None
        self._next_look_s = 0.0
        self._kept: list[str] = []
        self._said = ("", 0.0)
        self._doubts: tuple[str, ...] = ()

    def watch_display(self, display: Display) -> Display:
        """Return a display whose flips the desk sees."""
        self._display = display
        return WatchedDisplay(display, after_flip=self._after_flip)

    def watch_gaze(self, gaze: Gaze) -> WatchedGaze:
        """Return a source of gaze whose samples the desk sees."""
        return WatchedGaze(gaze, self._trace)

    def note(self, row: JournalRow) -> None:
        """Take a row that was written into the journal."""
        self._tally.note(row)

    def judge(self, doubts: Sequence[str]) -> None:
        """Take what the checks left to the operator's judgement: a page covers the terminal that they were said in."""
        self._doubts = tuple(doubts)

    def poll(self) -> tuple[Command, ...]:
        """Return what was asked since the last call: keys of both windows, and other terminals; never waits."""
        now_s = time.monotonic()
        if now_s < self._next_look_s:
            return ()
        self._next_look_s = now_s + _LOOK_S
        typed = self._typed.commands(is_paused=self._tally.is_paused)
        asked = [self._key_command(name) for name in [*self._own_keys(), *self._panel.commands(), *typed]]
        if self._mailbox is not None:
            asked += self._mailbox.poll(lambda: self.state().to_json())
        if not self._tally.image_nears:
            self._faults.look(self._panel)
        return tuple(asked)

    def say(self, line: str) -> None:
        """Say a line where the operator reads it: on standard error, and once the page has left it."""
        if self._panel.has_the_terminal:
            self._kept.append(line)
        else:
            say(line)

    def state(self) -> PanelState:
        """Return the session as it is now."""
        now_s = self._display.now_s() if self._display is not None else 0.0
        state, (said, until_s) = self._tally.state(now_s), self._said
        eye_fault, health = self._trace.fault(), self._display.health() if self._display is not None else ()
        bad = {name: words for name, words in (("gaze", eye_fault), ("display", "; ".join(health))) if words}
        question = self._keys.question(now_s) if self._display is not None else ""
        found = (question, *health, eye_fault, *state.warnings)
        return replace(
            state,
            eye=self._trace.points(),
            said=said if time.monotonic() < until_s else "",
            lights=tuple(Light(it.name, "bad", bad[it.name]) if it.name in bad else it for it in state.lights),
            doubts=self._doubts,
            warnings=tuple(dict.fromkeys(text for text in found if text and text not in state.pause)),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Tell everybody that the rig has ended, and how."""
        self._display = None  # it is closed by now
        fault = "" if error is None else str(error)
        if error is not None and not isinstance(error, ClosedLoopError):
            fault = f"{type(error).__name__} {fault}"
        state = replace(self.state(), fault=visible(fault)[:500])
        self._panel.update(state)
        if self._mailbox is not None:
            self._mailbox.close(_last_words(state))
        self._panel.close()
        for line in self._kept:
            say(line)

    def _key_command(self, name: CommandName) -> Command:
        """Return what a key asks for; the panels say for some seconds what became of it."""

        def said(words: str) -> None:
            self._said = (words, time.monotonic() + _SAID_S)

        return Command(name, "key", said, said)

    def _own_keys(self) -> list[CommandName]:
        if self._display is None:
            return []
        now_s = self._display.now_s()
        is_paused = self._tally.is_paused
        pressed = self._display.keys()
        commands = [self._keys.press(key, is_paused=is_paused, now_s=now_s) for key in pressed]
        return [name for name in commands if name is not None]

    def _after_flip(self, picture: Picture, _flip: Flip) -> None:
        if picture.slot is None and not self._tally.image_nears and self._panel.is_due():
            self._panel.update(self.state())


def _last_words(state: PanelState) -> str:
    left = state.n_planned - state.n_accepted
    how = {"complete": "the session is complete", "stopped": f"the session was stopped, {left:,} presentations left"}
    if state.fault or state.outcome not in how:
        return f"the rig ended on an error, {left:,} presentations left: {state.fault or 'it said none'}"
    return how[state.outcome]
