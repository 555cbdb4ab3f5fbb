"""Commands of the tests whose imports are done before: as those that a shell starts, and none outlives its time."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.equipment.prepared_commands import PreparedCommands
from tests.loop.studies import ENVIRONMENT, closedloop, closedloop_anew

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("words", [("--version",), ("status", "nowhere"), ("run", "--no-such"), ("doctor", "--json")])
def test_a_command_says_and_returns_what_it_does_by_itself(words: tuple[str, ...]) -> None:
    prepared, anew = closedloop(*words), closedloop_anew(*words)
    assert (prepared.returncode, prepared.stderr) == (anew.returncode, anew.stderr)
    assert prepared.stdout.splitlines()[:1] == anew.stdout.splitlines()[:1]
    assert prepared.args == anew.args


def test_it_stands_in_its_folder_and_has_its_environment(tmp_path: Path) -> None:
    assert str(tmp_path) not in closedloop("status", "here").stderr
    (tmp_path / "here").mkdir()
    found = closedloop("status", "here", cwd=tmp_path)
    assert "here: expected a study" in found.stderr


def test_one_that_takes_too_long_is_ended_and_the_next_one_runs(tmp_path: Path) -> None:
    prepared = PreparedCommands()
    words = ("dry-run", str(tmp_path / "study"), "--protocol", "smoke")
    asked = {"environment": ENVIRONMENT, "cwd": None}
    with pytest.raises(subprocess.TimeoutExpired):
        prepared.run(words, timeout_s=0.1, **asked)
    assert prepared.run(("--version",), timeout_s=300, **asked).returncode == 0
    prepared.end()
    assert not (tmp_path / "study" / "day-00" / "evaluate").exists()
