"""No command opens a door to the machine: what all commands of these tests are watched by sees one that would."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.loop.studies import ENVIRONMENT

FROM_C = """
import ctypes, os, socket, sys
door = socket.socket()
if ctypes.CDLL(None).listen(door.fileno(), 1) != 0:  # the system chooses a port, Python is not asked
    sys.exit("could not listen")
sys.stdout.write("open")
"""


@pytest.mark.parametrize("address", ["('0.0.0.0', 0)", "('127.0.0.1', 0)"])
def test_a_command_that_would_listen_is_stopped_by_the_watch_on_all_commands(address: str) -> None:
    finished = watched(f"import socket; socket.socket().bind({address})")
    assert finished.returncode == 1
    assert "a command bound a socket to" in finished.stderr
    assert finished.stdout == ""


def test_a_door_that_a_library_opened_is_found_at_the_end() -> None:
    finished = watched(FROM_C)
    assert finished.stdout == "open"
    assert finished.returncode == 99
    assert "a command listens at" in finished.stderr


def test_a_command_that_opens_nothing_is_left_alone() -> None:
    assert watched("import sys; sys.stdout.write('done')").stdout == "done"


def watched(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, env=ENVIRONMENT)
