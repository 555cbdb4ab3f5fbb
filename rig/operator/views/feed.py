"""What a panel knows of the rig, and its keys' way to it."""

from __future__ import annotations

import json
import time
from pathlib import Path

from closedloop.artifacts.day.journal_rows import CommandName
from rig.operator.channel import Channel
from rig.operator.keys import KeyReader
from rig.operator.state import PanelState, state_from
from rig.operator.tell import is_at_work
from rig.operator.views.thumbnails import Thumbnails
from rig.operator.wording import Quiet

BEAT_S = 1.0


class Feed:
    """What a panel knows: the newest state, how old it is, and where its keys go.

    Parameters
    ----------
    channel
        To the rig.
    session
        The session folder.
    resume
        The command that goes on with the session.
    """

    def __init__(self, channel: Channel, session: Path, resume: str) -> None:
        self.thumbnails, self.resume, self._session = Thumbnails(session), resume, session
        self.state = PanelState(session_id=session.name, subject="")
        self.n_messages = 0
        self._channel, self._keys = channel, KeyReader()
        self._heard_s, self._beat_s = time.monotonic(), 0.0

    @property
    def is_over(self) -> bool:
        """Whether the rig has ended."""
        return not self._channel.is_open

    @property
    def is_settled(self) -> bool:
        """Whether the session ended as somebody wanted it: there is nothing that the operator has to see."""
        return bool(self.state.outcome) and not self.state.fault

    @property
    def is_replaced(self) -> bool:
        """Whether another rig, with a panel of its own, shows the session by now."""
        if time.monotonic() - self._beat_s < BEAT_S:
            return False
        self._beat_s = time.monotonic()
        return is_at_work(self._session)

    @property
    def silence(self) -> Quiet:
        """How long nothing was heard."""
        return Quiet(time.monotonic() - self._heard_s, self.is_over)

    @property
    def question(self) -> str:
        """What the operator has to answer."""
        return self._keys.question(time.monotonic())

    def fileno(self) -> int:
        """Return the number to wait for messages at."""
        return self._channel.fileno()

    def look(self) -> None:
        """Take the newest state; tell the rig that somebody watches."""
        for message in self._channel.receive():
            self.state, self._heard_s = state_from(message), time.monotonic()
            self.n_messages += 1
        if not self.is_over and time.monotonic() - self._beat_s >= BEAT_S:
            self._beat_s = time.monotonic()
            self._channel.send('{"beat":1}')

    def press(self, key: str) -> None:
        """Send what a key asks for."""
        name: CommandName | None = self._keys.press(key, is_paused=self.state.doing == "paused", now_s=time.monotonic())
        if name is not None:
            self._channel.send(json.dumps({"ask": name}))

    def fail(self, words: str) -> None:
        """Tell the rig why nothing can be drawn."""
        self._channel.send(json.dumps({"fault": words}))
