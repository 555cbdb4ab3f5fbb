"""Reward and codes by a microcontroller whose line or power fails; each fault is one line that says what to do."""

from __future__ import annotations

import os
import pty
import re
import sys
from contextlib import ExitStack

import pytest

from closedloop.errors import DeviceError
from closedloop.plain_text.installing import install_command
from rig.ports.microcontroller.codes import MicrocontrollerCodes
from rig.ports.microcontroller.device import AnswerTimes, Microcontroller, Microcontrollers
from rig.ports.microcontroller.frames import FrameType
from rig.ports.microcontroller.line import SerialLine
from rig.ports.microcontroller.reward import MicrocontrollerReward
from tests.equipment import fake_microcontroller
from tests.equipment.fake_microcontroller import talking
from tests.equipment.microcontrollers import HASTY, until

pytestmark = pytest.mark.slow


def test_reward_and_codes_at_one_address_share_its_port(bench):
    device = bench.plug()
    known = Microcontrollers()
    reward = MicrocontrollerReward(known.at(str(bench.address)))
    codes = MicrocontrollerCodes(known.at(str(bench.address)))
    assert reward.device is known.at(str(bench.address))
    link = bench.address.with_name("by-id")
    link.symlink_to(bench.address)
    assert reward.device is known.at(str(link))
    reward.give(5.0)
    codes.send(42)
    confirmed = []
    until(lambda: confirmed.extend(reward.acknowledged()) or confirmed == [5.0])
    until(device.read_at_strobes)
    reward.close()
    codes.send(43)  # the other one still has it
    codes.close()
    until(lambda: device.read_at_strobes() == [42, 43])
    MicrocontrollerReward(known.at(str(bench.address))).close()  # and who comes later opens it anew


def test_a_port_that_another_program_has_is_one_line(bench):
    bench.plug()
    first = bench.open()
    with pytest.raises(DeviceError, match=r"microcontroller at .*: expected to open it, found .*another program has"):
        bench.open()
    first.close()


def test_a_board_that_was_reset_says_why(chip_bench):
    bench = chip_bench
    device = bench.plug()
    reward = MicrocontrollerReward(bench.open())
    reward.give(1000.0)
    until(lambda: device.changes("valve"))
    reward.device.post(FrameType.HANG, b"hang")
    said = []

    def is_told() -> bool:
        try:
            reward.check()
        except DeviceError as error:
            said.append(str(error))
        return bool(said)

    until(is_told)
    assert "began anew, by its watchdog: the program hung. Its valve is closed" in said[0]
    reward.mend()
    reward.give(5.0)
    confirmed = []
    until(lambda: confirmed.extend(reward.acknowledged()) or confirmed == [5.0])
    reward.close()


def test_another_device_at_the_address_is_no_microcontroller(tmp_path):
    with (
        talking(tmp_path / "ttyUSB0") as address,
        pytest.raises(DeviceError, match=r"expected the rig's firmware.*bytes that are no answer: another device"),
    ):
        Microcontroller(str(address), patience=HASTY)


def test_a_port_with_nothing_behind_it_is_no_microcontroller():
    ours, theirs = pty.openpty()
    with pytest.raises(DeviceError, match=r"expected the rig's firmware .* found no answer.*make firmware"):
        Microcontroller(os.ttyname(theirs), patience=HASTY)
    os.close(ours)
    os.close(theirs)


def test_an_absent_port_is_one_line_with_the_remedy():
    with pytest.raises(DeviceError, match=r"microcontroller at /dev/none: .* no such port.*rig devices.*rig.yaml"):
        SerialLine("/dev/none")


def test_a_port_of_somebody_else_is_one_line_with_the_remedy():
    ours, theirs = pty.openpty()
    os.chmod(os.ttyname(theirs), 0)  # noqa: PTH101 - a device, not a file of ours
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)  # root may open anything
    try:
        with pytest.raises(DeviceError, match=r"expected to open it, found no permission\. `rig devices`"):
            SerialLine(os.ttyname(theirs))
    finally:
        os.seteuid(was)
        os.close(ours)
        os.close(theirs)


def test_without_the_library_it_is_one_line_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(
        DeviceError, match=f"expected the library pyserial, found none.*{re.escape(install_command('rig'))}"
    ):
        SerialLine("/dev/ttyACM0")


def test_a_firmware_of_another_protocol_is_told_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(fake_microcontroller, "VERSION", bytes([9, 1, 1, 1, 100]))
    with ExitStack() as stack:
        stack.enter_context(fake_microcontroller.faking(tmp_path / "tty"))
        with pytest.raises(DeviceError, match=r"expected protocol 1, found 9.*make firmware"):
            Microcontroller(str(tmp_path / "tty"), patience=AnswerTimes(60.0, 1.0, 60.0))
