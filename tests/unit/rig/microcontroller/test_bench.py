"""`rig firmware test`: a table of what was tried, and the valve opened for nobody who did not say so."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys

import pytest

from rig.bench.firmware import FirmwareBench, try_all
from tests.equipment.microcontrollers import Socket
from tests.equipment.processes import Child

pytestmark = pytest.mark.slow

SAFE, OPENING = ("version", "round-trips", "damaged", "too-long", "codes"), ("openings", "shut", "watchdog")


def tried(bench: Socket, *, sees, may_open=True):
    tested = FirmwareBench(bench.open(), lambda _question: sees)
    try:
        return {one.name: one for one in try_all(tested, may_open=lambda: may_open)}
    finally:
        tested.close()


def test_a_board_that_does_what_it_should_passes_everything(chip_bench):
    device = chip_bench.plug()
    found = tried(chip_bench, sees=True)
    assert {name: one.status for name, one in found.items()} == dict.fromkeys((*SAFE, *OPENING), "PASS")
    assert device.read_at_strobes() == [1, 2, 4, 8, 16, 32, 64, 128, 255]
    *timed, shut, hung = device.openings_ms()
    assert timed == [pytest.approx(ms, abs=0.1) for ms in (1, 5, 20, 120, 250)]
    assert max(shut, hung) < 1000


def test_what_a_person_does_not_see_fails_and_what_nobody_saw_is_no_pass(chip_bench):
    chip_bench.plug()
    unseen = tried(chip_bench, sees=False)
    assert [name for name, one in unseen.items() if one.status == "FAIL"] == ["codes", "openings", "watchdog"]
    assert "and not as you saw" in unseen["codes"].found
    nobody = tried(chip_bench, sees=None)
    assert [name for name, one in nobody.items() if one.status == "WARN"] == ["codes", "openings", "watchdog"]


def test_the_valve_is_opened_for_nobody_who_did_not_say_so(chip_bench):
    device = chip_bench.plug()
    found = tried(chip_bench, sees=True, may_open=False)
    assert {found[name].status for name in OPENING} == {"WARN"}
    assert not device.changes("valve")


def test_the_command_asks_in_a_terminal_and_takes_no_for_an_answer(chip_bench):
    device = chip_bench.plug()
    said = answered(["rig", "firmware", "test", str(chip_bench.address)], {"recorder read": "y", "reach": "n"})
    assert "WARN  openings" in said
    assert "not tried: it opens the valve" in said
    assert "0 FAIL, 3 WARN, 5 PASS." in said
    assert not device.changes("valve")


def answered(words, answers):
    """Run a command in a terminal, answer what it asks, and return what it said."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", *words]
    with Child(command, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True) as process:
        os.close(theirs)
        said, left = "", dict(answers)
        while True:
            assert select.select([ours], [], [], 60)[0], said
            try:
                said += os.read(ours, 4096).decode()
            except OSError:  # the terminal's end
                break
            for asked in [words for words in left if words in said and said.endswith("[y/N]: ")]:
                os.write(ours, f"{left.pop(asked)}\n".encode())
    os.close(ours)
    assert process.returncode == 0
    return said


def test_without_a_terminal_nothing_is_opened(chip_bench):
    device = chip_bench.plug()
    command = [sys.executable, "-m", "rig", "firmware", "test", str(chip_bench.address)]
    ran = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=True)
    assert "0 FAIL, 4 WARN, 4 PASS." in ran.stdout
    assert not device.changes("valve")


def test_a_port_that_is_not_there_is_one_line():
    command = [sys.executable, "-m", "rig", "firmware", "test", "/dev/none"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("microcontroller at /dev/none: expected to open it, found no such port. Plug it in")
