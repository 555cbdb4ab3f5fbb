"""What becomes of an open valve when its program ends, is stopped, or is killed: the lines of a register in a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from tests.equipment.microcontrollers import until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")]

PROGRAM = """
import sys, time
from pathlib import Path
from rig.ports.digital_line.line import HostTime, HostTimedLine, ParallelLine
from rig.ports.digital_line.reward import DigitalLineReward

class Register:
    def setData(self, data):
        Path(sys.argv[1]).write_text(str(data))

host = HostTime(now_s={clock})
line = lambda: HostTimedLine(ParallelLine(Register(), "D0", "0x378"), host)
reward = DigitalLineReward("digital_line", line, host=host)
reward.give(1000.0)
while Path(sys.argv[1]).read_text() != "1":
    time.sleep(0.0005)
print("open", flush=True)
{then}
"""


@pytest.fixture
def start(tmp_path):
    started = []

    def begin(then, *, clock="lambda: 0.0"):
        """Start a program whose valve is open; by a clock that stands still no opening is over by itself."""
        program = PROGRAM.replace("{then}", textwrap.dedent(then)).replace("{clock}", clock)
        place = tmp_path / "register"
        # A group of its own, as a shell gives: Ctrl-Z stops nobody in a group that no shell looks after.
        command = [sys.executable, "-c", program, str(place)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, process_group=0)
        started.append(process)
        assert process.stdout.readline() == "open\n"
        return process, place.read_text

    yield begin
    for process in started:
        process.kill()
        process.stdout.close()
        process.wait()


@pytest.mark.parametrize(
    ("then", "status"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("raise SystemError", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", 130),
    ],
)
def test_a_program_that_ends_in_an_opening_leaves_the_valve_closed(start, then, status):
    process, level = start(then)
    assert process.wait(30) in (status, -signal.SIGINT)
    assert level() == "0"


def test_ctrl_z_closes_the_valve_before_it_stops_the_program(start):
    process, level = start("print(reward.acknowledged() or 'none', flush=True)\ntime.sleep(60)")
    process.stdout.readline()
    process.send_signal(signal.SIGTSTP)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert level() == "0"
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGTSTP)  # and again
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)


def test_a_program_that_is_killed_leaves_the_valve_open_as_its_check_warns(start):
    process, level = start("time.sleep(60)")
    process.kill()
    process.wait(30)
    assert level() == "1"


def test_the_thread_ends_an_opening_without_anybody_who_asks(start):
    process, level = start("time.sleep(60)", clock="time.perf_counter")
    until(lambda: level() == "0")
    assert process.poll() is None
