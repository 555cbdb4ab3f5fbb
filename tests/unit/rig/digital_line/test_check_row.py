"""What `rig check` says of a valve on a digital line, and of its library where that is not there."""

from __future__ import annotations

import sys

import pytest

from closedloop.artifacts.rig.description import read_rig
from closedloop.plain_text.installing import install_command
from rig.apparatus import DescribedRig, Launch
from rig.check.inspection import Inspection
from rig.check.table import CHECKS, look
from rig.session.folder import open_session
from tests.equipment.digital_lines import HOST_TIMED, KINDS, FakeLjm, FakeTask, SimulatedTime, Wire

RIG = """
name: rig 2
subject_screen: {screen: 0, width_px: 320, height_px: 240, refresh_hz: 60, width_cm: 160, distance_cm: 57.2}
photodiode: {corner: upper_right, side_px: 20}
codes: {transport: none}
gaze: {source: scripted}
reward: {REWARD}
recorder: {kind: none}
"""
REWARDS = {
    "nidaqmx": "device: nidaqmx, address: Dev1/port0/line3",
    "nidaqmx counter": "device: nidaqmx, address: Dev1/ctr0",
    "labjack": 'device: labjack, address: "470010108", line: FIO4',
}


@pytest.fixture
def look_at(make_session, tmp_path):
    opened = []

    def make(reward, **session):
        path = tmp_path / "rig.yaml"
        path.write_text(RIG.replace("REWARD", reward))
        folder = make_session(**session)
        at = Inspection(
            Launch(session=folder, out=tmp_path / "o", display="psychopy", rig=path), session=open_session(folder)
        )
        at.rig = DescribedRig(path, *read_rig(path))
        opened.append(at)
        return look(next(row for row in CHECKS if row.name == "reward"), at)

    yield make
    for at in opened:
        at.stack.close()


@pytest.fixture
def makers(monkeypatch):
    """Put the makers' libraries where Python finds them: this machine has neither."""
    wire = Wire(SimulatedTime())
    nidaqmx = type(sys)("nidaqmx")
    nidaqmx.Task = lambda: FakeTask(wire)
    labjack = type(sys)("labjack")
    labjack.ljm = FakeLjm(wire)
    monkeypatch.setitem(sys.modules, "nidaqmx", nidaqmx)
    monkeypatch.setitem(sys.modules, "labjack", labjack)
    return wire


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind in HOST_TIMED and kind in REWARDS])
def test_a_line_that_this_computer_times_warns_of_a_kill(look_at, makers, kind):
    found = look_at(REWARDS[kind])
    assert found.status == "WARN"
    assert "if the program is killed or the computer hangs in one, the valve stays open" in found.found
    assert "use a microcontroller" in found.fix
    assert not makers.level


def test_a_counter_that_times_its_pulses_passes(look_at, makers):
    found = look_at(REWARDS["nidaqmx counter"])
    assert (found.status, found.found) == ("PASS", "NI counter Dev1/ctr0, low; the card times its pulses")


@pytest.mark.parametrize("kind", list(REWARDS))
def test_a_reward_longer_than_any_is_given_fails(look_at, makers, kind):
    found = look_at(REWARDS[kind], trial={"reward_ms": 1500.0})
    assert (found.status, found.fix) == ("FAIL", "Plan shorter rewards.")


@pytest.mark.parametrize("kind", list(REWARDS))
def test_a_device_that_is_not_there_fails_in_a_line(look_at, makers, kind):
    makers.is_there = False
    found = look_at(REWARDS[kind])
    assert found.status == "FAIL"
    assert "expected to open it, found" in found.found or "expected it low" in found.found


@pytest.mark.parametrize(
    ("kind", "extra"), [("nidaqmx", "nidaqmx"), ("nidaqmx counter", "nidaqmx"), ("labjack", "labjack")]
)
def test_a_library_that_is_not_there_is_one_line_with_its_extra(look_at, monkeypatch, kind, extra):
    monkeypatch.setitem(sys.modules, extra, None)  # as where it is not installed
    found = look_at(REWARDS[kind])
    assert found.status == "FAIL"
    assert "expected its library, found none" in found.found
    assert install_command(extra) in found.fix


def test_labjack_s_wrapper_without_its_own_library_is_the_same_line(look_at, makers):
    sys.modules["labjack"].ljm.ljm = type(sys)("labjack.ljm.ljm")
    sys.modules["labjack"].ljm.ljm._staticLib = None  # as it leaves itself where it finds no libLabJackM.so
    assert "expected its library, found none" in look_at(REWARDS["labjack"]).found


def test_a_parallel_port_that_is_not_there_fails_in_a_line(look_at):
    found = look_at("device: digital_line, address: /dev/parport7, line: D3")
    assert found.status == "FAIL"
    assert "parallel port /dev/parport7: expected to open it" in found.found
