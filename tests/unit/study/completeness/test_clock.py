"""The clock of whoever waits: people set the time of day, and nothing is taken over too early for it."""

from __future__ import annotations

import time

import pytest

from closedloop.study.completeness.clock import WAITING_CLOCK, WaitingClock
from closedloop.study.completeness.looks import FolderLook, Patience, SeenFile


class Machine:
    """A machine's two clocks, of which people set one."""

    def __init__(self) -> None:
        self.day, self.boot = 1_700_000_000.0, 5_000.0
        self.clock = WaitingClock(lambda: self.day, lambda: self.boot)

    def pass_s(self, seconds: float) -> None:
        self.day += seconds
        self.boot += seconds


def test_it_is_the_time_of_day_as_long_as_nobody_sets_it() -> None:
    machine = Machine()
    machine.pass_s(100.0)
    assert machine.clock.now() == machine.day
    assert WAITING_CLOCK.now() == pytest.approx(time.time(), abs=60)


def test_files_are_not_taken_for_old_because_the_clock_was_set_forward() -> None:
    machine = Machine()
    patience = Patience(60.0, now=machine.clock.now)
    changed = SeenFile("array1.nev", 1, int(machine.day * 1e9), int(machine.day * 1e9))
    look = FolderLook((changed,), machine.clock.now())
    machine.pass_s(10.0)
    machine.day += 3600.0
    assert look.settles_in_s(patience) == pytest.approx(50.0)
    machine.pass_s(50.0)
    assert look.settles_in_s(patience) == 0.0


def test_after_it_was_set_back_it_goes_by_the_time_of_day_again() -> None:
    machine = Machine()
    machine.clock.now()
    machine.day -= 3600.0
    machine.pass_s(10.0)
    assert machine.clock.now() == machine.day
