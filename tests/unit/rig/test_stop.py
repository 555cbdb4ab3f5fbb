"""Whoever asks for the end is heard once, and told so; who asks again and again gets it."""

from __future__ import annotations

import os
import signal

import pytest

from closedloop.terminal.signals import note_end_told
from rig.stop import StopRequest, stop_on_signals


@pytest.fixture(autouse=True)
def _nothing_asked():
    """Leave a process in which nobody has asked for the end."""
    yield
    note_end_told()


def ask(*numbers):
    for number in numbers:
        os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "word"),
    [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM"), (signal.SIGHUP, "SIGHUP: the terminal was closed")],
)
def test_a_signal_is_a_request_and_a_word(number, word, capfd):
    request = StopRequest()
    with stop_on_signals(request):
        ask(number)
        assert (request.requested, request.by) == (True, word)
    assert capfd.readouterr().err == f"Stopping at the next frame ({word}).\n"


def test_a_closed_terminal_is_told_by_shell_and_system_and_interrupts_nothing(capfd):
    request = StopRequest()
    with stop_on_signals(request):
        ask(signal.SIGHUP, signal.SIGHUP, signal.SIGTERM, signal.SIGHUP)
    assert request.by == "SIGHUP: the terminal was closed"
    assert len(capfd.readouterr().err.splitlines()) == 1


def test_a_second_ctrl_c_interrupts():
    request = StopRequest()
    with pytest.raises(KeyboardInterrupt), stop_on_signals(request):
        ask(signal.SIGINT, signal.SIGINT)
    assert request.requested


def test_a_stop_that_does_not_come_is_interrupted_by_whatever_asks_again(monkeypatch):
    times = iter([100.0, 103.0, 106.0])
    monkeypatch.setattr("rig.stop.time.monotonic", lambda: next(times))
    with pytest.raises(KeyboardInterrupt), stop_on_signals(StopRequest()):
        ask(signal.SIGHUP, signal.SIGHUP, signal.SIGHUP)
    assert next(times, None) is None  # the third was the one


def test_the_operator_s_escape_is_no_signal():
    request = StopRequest()
    request.ask()
    assert (request.requested, request.by) == (True, "the operator")
