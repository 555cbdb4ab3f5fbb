"""Digital codes on their wires."""

from __future__ import annotations

import os
import pty
import tty

import pytest

from closedloop.artifacts.rig.ports import CodesPort
from closedloop.errors import SessionError
from rig.ports.codes import CommentCodes, ParallelCodes, SerialCodes
from rig.ports.microcontroller.device import Microcontrollers
from rig.ports.recorders.port import NoRecorder, SimulatedRecorder
from rig.wiring.codes import open_codes


class Register:
    def __init__(self):
        self.states = []

    def setData(self, data):  # noqa: N802
        self.states.append(data)


def test_a_code_on_a_parallel_port_is_cleared_so_that_the_same_code_can_follow():
    register = Register()
    port = ParallelCodes(register)
    port.send(7)
    port.send(7)
    assert register.states == [7, 0, 7, 0]


def test_codes_pass_a_serial_line_as_single_bytes():
    ours, theirs = pty.openpty()
    tty.setraw(ours)
    port = SerialCodes(os.ttyname(theirs))
    for code in (1, 17, 19, 255):  # 17 and 19 are XON and XOFF: they must pass too
        port.send(code)
    received = b""
    while len(received) < 4:
        received += os.read(ours, 4)
    port.close()
    os.close(ours)
    os.close(theirs)
    assert list(received) == [1, 17, 19, 255]


def test_a_missing_serial_port_is_one_line_with_the_remedy():
    with pytest.raises(SessionError, match=r"serial port /dev/none: expected to open it.*rig devices.*rig.yaml"):
        SerialCodes("/dev/none")


def test_a_serial_line_that_is_unplugged_ends_the_session_with_the_remedy():
    ours, theirs = pty.openpty()
    port = SerialCodes(os.ttyname(theirs))
    os.close(theirs)
    os.close(ours)
    with pytest.raises(SessionError, match=r"serial port .*: expected to send a code.*--resume"):
        port.send(1)
    port.close()


def test_codes_as_comments_reach_the_recorder():
    recorder = SimulatedRecorder()
    CommentCodes(recorder).send(42)
    assert recorder.events == [("comment", "code 42")]


def test_a_comment_longer_than_the_recorder_keeps_is_refused():
    SimulatedRecorder().comment("x" * 127)
    with pytest.raises(SessionError, match="at most 127 bytes, found 128"):
        SimulatedRecorder().comment("x" * 128)


def test_codes_take_the_way_that_the_rig_says_and_no_other():
    ours, theirs = pty.openpty()
    port = open_codes(CodesPort(transport="serial", address=os.ttyname(theirs)), NoRecorder(), Microcontrollers())
    assert port.transport == "serial"
    port.close()
    os.close(ours)
    os.close(theirs)
    assert open_codes(CodesPort(transport="comment"), SimulatedRecorder(), Microcontrollers()).transport == "comment"


@pytest.mark.parametrize("transport", ["none", "comment"])
def test_codes_that_reach_no_recorder_say_so(transport):
    assert open_codes(CodesPort(transport=transport), NoRecorder("by_hand"), Microcontrollers()).transport == "file"
