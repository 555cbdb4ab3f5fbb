"""The page in a terminal of its own: keys reach the rig, and the terminal is as it was whatever ends."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
import termios
import threading

import pytest

from rig.operator.channel import Channel, pair
from tests.equipment.two_heads import lift_finger, wait_until
from tests.unit.rig.operator.test_views import STATE

pytestmark = pytest.mark.slow


class Terminal:
    """A terminal that a page is drawn on, and what was written to it."""

    def __init__(self, session):
        self.keyboard, self.screen = pty.openpty()
        termios.tcsetwinsize(self.screen, (40, 120))
        self.before = termios.tcgetattr(self.screen)
        here, there = pair()
        command = [sys.executable, "-m", "rig.operator.views.show", "terminal", str(there.fileno()), "0"]
        self.process = subprocess.Popen(
            [*command, str(session), "rig present S --resume"],
            stdin=self.screen,
            stderr=self.screen,
            pass_fds=[there.fileno()],
        )
        there.close()
        self.rig, self.asked, self.written = Channel(here), [], b""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with contextlib.suppress(OSError):
            while content := os.read(self.keyboard, 4096):
                self.written += content

    def hear(self):
        self.rig.send(STATE.to_json())
        self.asked += [message["ask"] for message in self.rig.receive() if "ask" in message]
        return self.asked

    def close(self):
        self.rig.close()
        self.process.wait()
        os.close(self.screen)


@pytest.fixture
def terminal(make_session):
    with contextlib.closing(Terminal(make_session())) as found:
        yield found


def test_keys_of_the_page_reach_the_rig_and_the_terminal_is_left_as_it_was(terminal):
    wait_until(lambda: terminal.hear() is not None and b"P A U S E D" in terminal.written, "the page")
    os.write(terminal.keyboard, b"p")
    wait_until(lambda: terminal.hear() == ["continue"], "the key")  # the session is paused
    os.write(terminal.keyboard, b"q")
    wait_until(lambda: b"P r e s s   q   o n c e" in terminal.written, "the question")
    lift_finger()
    os.write(terminal.keyboard, b"q")
    wait_until(lambda: terminal.hear() == ["continue", "quit"], "the answer")
    terminal.rig.close()
    terminal.process.wait()
    assert terminal.process.returncode == 0
    assert termios.tcgetattr(terminal.screen) == terminal.before
    wait_until(
        lambda: b"THE RIG ENDED WITHOUT A WORD" in terminal.written.rpartition(b"\x1b[?1049l")[2], "the last word"
    )


def test_the_terminal_is_the_checks_until_the_session_begins(terminal):
    terminal.rig.close()
    terminal.process.wait()
    assert terminal.written == b""
