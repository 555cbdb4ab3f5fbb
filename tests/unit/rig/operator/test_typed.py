"""What is typed into the rig's own terminal."""

from __future__ import annotations

import os

from rig.operator.keys import KeyReader
from rig.operator.typed import TypedWords


def test_enter_continues_a_pause_and_is_nothing_at_other_times():
    ours, theirs = os.openpty()
    typed = TypedWords(theirs)
    assert typed.commands(is_paused=True) == ()
    os.write(ours, b"\n")
    assert typed.commands(is_paused=False) == ()
    assert typed.commands(is_paused=True) == ()  # it was for what was shown then
    os.write(ours, b"started it\n")
    assert typed.commands(is_paused=True) == ("continue",)
    os.close(ours)
    os.close(theirs)


def test_a_terminal_that_is_gone_is_read_no_more():
    reading, writing = os.pipe()
    typed = TypedWords(reading)
    os.close(writing)
    assert typed.commands(is_paused=True) == ()
    os.close(reading)
    assert typed.commands(is_paused=True) == ()


def test_enter_in_a_window_continues_and_never_pauses():
    for name in ("return", "Return", "KP_Enter", "\n", "\r"):
        assert KeyReader().press(name, is_paused=True, now_s=0.0) == "continue"
        assert KeyReader().press(name, is_paused=False, now_s=0.0) is None
