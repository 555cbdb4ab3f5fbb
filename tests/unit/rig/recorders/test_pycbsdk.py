"""The real library: what the stand-in promises of it, and how it fails where it cannot run."""

from __future__ import annotations

import inspect
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.equipment import fake_pycbsdk

pytestmark = pytest.mark.slow

pycbsdk = pytest.importorskip("pycbsdk", reason="pip install 'closedloop[blackrock]'")

ROOT = Path(__file__).parents[4]
IS_OLD = platform.libc_ver()[0] == "glibc" and tuple(map(int, platform.libc_ver()[1].split(".")[:2])) < (2, 39)
OPEN_NPLAY = """
from rig.ports.recorders.blackrock import BlackrockRecorder
BlackrockRecorder("NPLAY")
"""


def members(cls):
    return {name: value for name, value in vars(cls).items() if not name.startswith("_") or name == "__init__"}


def test_the_stand_in_has_the_librarys_own_signatures():
    for name, ours in members(fake_pycbsdk.Session).items():
        theirs = inspect.getattr_static(pycbsdk.Session, name)
        assert isinstance(theirs, property) == isinstance(ours, property), name
        if not isinstance(ours, property):
            assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters), name
    assert {one.name: one.value for one in fake_pycbsdk.DeviceType} == {
        one.name: one.value for one in pycbsdk.DeviceType
    }
    assert set(vars(fake_pycbsdk.Stats())) <= set(vars(pycbsdk.Stats()))


def open_nplay(*before):
    """Open a recorder that is not there, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [*before, sys.executable, "-c", OPEN_NPLAY]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.skipif(not IS_OLD, reason="this system's C library is new enough: the library loads")
def test_on_an_older_system_it_is_refused_in_a_line():
    found = open_nplay()
    last = found.stderr.strip().splitlines()[-1]
    assert "recorder: expected Blackrock's library to load, found: " in last
    assert "On Linux it needs glibc 2.39" in last


@pytest.mark.skipif(IS_OLD, reason=f"pycbsdk's library needs glibc 2.39, this system has {platform.libc_ver()[1]}")
@pytest.mark.skipif(sys.platform != "linux" or shutil.which("unshare") is None, reason="no network of its own")
def test_nobody_who_plays_a_file_is_refused_in_a_line():
    """In a network of its own, so that no packet leaves this computer."""
    found = open_nplay("unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
    if "unshare failed" in found.stderr:
        pytest.skip("this account may make no network of its own")
    assert "recorder: expected NPLAY to answer, found: " in found.stderr.strip().splitlines()[-1]
