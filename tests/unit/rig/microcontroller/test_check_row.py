"""What `rig check` says of a valve: what the device said, and never that a port could be opened."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from closedloop.artifacts.rig.description import read_rig
from rig.apparatus import DescribedRig, Launch
from rig.check.inspection import Inspection
from rig.check.table import CHECKS, look
from rig.ports.microcontroller.device import Microcontrollers
from rig.session.folder import open_session
from tests.equipment.fake_microcontroller import talking
from tests.equipment.microcontrollers import HASTY, PATIENT, until

RIG = """
name: rig 2
subject_screen: {screen: 0, width_px: 320, height_px: 240, refresh_hz: 59.94, width_cm: 160, distance_cm: 57.2}
operator_screen: null
photodiode: {corner: upper_right, side_px: 20}
codes: {transport: microcontroller, address: PORT}
gaze: {source: scripted}
reward: {device: microcontroller, address: PORT}
recorder: {kind: none}
"""


@dataclass
class Looked:
    """A launch whose rows are looked at one by one, without a screen."""

    at: Inspection

    def __call__(self, name):
        return look(next(row for row in CHECKS if row.name == name), self.at)


@pytest.fixture
def look_at(make_session, tmp_path):
    opened = []

    def make(address, *, is_rehearsal=False, display="psychopy", times=PATIENT, **session):
        path = tmp_path / "rig.yaml"
        path.write_text(RIG.replace("PORT", str(address)))
        folder = make_session(**session)
        launch = Launch(session=folder, out=tmp_path / "o", display=display, rig=path, is_rehearsal=is_rehearsal)
        at = Inspection(launch, session=open_session(folder), microcontrollers=Microcontrollers(times))
        at.rig = DescribedRig(path, *read_rig(path))
        opened.append(at)
        return Looked(at)

    yield make
    for at in opened:
        at.stack.close()


def test_codes_and_valve_are_what_the_device_says_of_itself(bench, look_at):
    device = bench.plug()
    looked = look_at(bench.address)
    codes, reward = looked("codes"), looked("reward")
    assert (codes.status, f"by microcontroller port {bench.address}" in codes.found) == ("PASS", True)
    assert reward.status == "PASS"
    assert "firmware 1, closed, 0 openings since it began" in reward.found
    assert looked.at.reward.device is looked.at.codes.device
    assert not device.openings_ms()


@pytest.mark.slow
def test_a_valve_that_is_open_fails(bench, look_at):
    device = bench.plug()
    before = look_at(bench.address)
    assert before("reward").status == "PASS"
    before.at.reward.give(1000.0)
    again = before("reward")  # the same device is asked again
    assert (again.status, again.can_be_overridden) == ("FAIL", True)
    assert "expected its valve closed, found it open" in again.found
    before.at.stack.close()
    if bench.board != "fake":
        until(device.openings_ms)


def test_a_session_whose_rewards_are_longer_than_the_valve_gives_fails(bench, look_at):
    bench.plug()
    found = look_at(bench.address, trial={"reward_ms": 1200.0})("reward")
    assert found.status == "FAIL"
    assert "expected to be asked for 1000 ms at once at most, found rewards of 1200 ms" in found.found


def test_another_device_fails(tmp_path, look_at):
    with talking(tmp_path / "tty") as address:
        found = look_at(address, times=HASTY)("reward")
    assert (found.status, found.can_be_overridden) == ("FAIL", False)
    assert "another device" in found.found
    assert "make firmware" in found.fix


@pytest.mark.parametrize("options", [{"is_rehearsal": True}, {"display": "headless"}])
def test_what_has_no_animal_or_no_screen_gives_none(tmp_path, look_at, options):
    found = look_at(tmp_path / "none", **options)("reward")
    assert (found.status, "not opened" in found.found) == ("PASS", True)
