"""Running the real command as a real process, for the tests of the loop."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from tests.equipment.prepared_commands import PreparedCommands
from tests.equipment.surroundings import AT_END, ENVIRONMENT

PROTOCOL = Path(__file__).with_name("two_days.yaml")
WAITING, HELD = 3, 4  # exit codes of `closedloop run` where it stopped for a person, and for a gate
PREPARED = PreparedCommands()
AT_END.append(PREPARED.end)


def command(*arguments: str | Path) -> list[str]:
    """Return the command line of `closedloop`."""
    return [sys.executable, "-m", "closedloop.cli", *map(str, arguments)]


def closedloop(
    *arguments: str | Path, cwd: Path | None = None, timeout_s: float = 600
) -> subprocess.CompletedProcess[str]:
    """Run `closedloop` to its end, in a process that finds all imports done: seconds sooner than a shell's."""
    return PREPARED.run(list(map(str, arguments)), environment=ENVIRONMENT, cwd=cwd, timeout_s=timeout_s)


def closedloop_anew(*arguments: str | Path, timeout_s: float = 600) -> subprocess.CompletedProcess[str]:
    """Run `closedloop` to its end as a shell starts it, with imports of its own and another seed of hashes."""
    return subprocess.run(
        command(*arguments), check=False, capture_output=True, text=True, env=ENVIRONMENT, timeout=timeout_s
    )


def dry_run(study: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the small study."""
    return closedloop("dry-run", study, "--protocol", PROTOCOL, *arguments)


def dry_run_anew(study: Path) -> subprocess.CompletedProcess[str]:
    """Run the small study as a shell starts it."""
    return closedloop_anew("dry-run", study, "--protocol", PROTOCOL)


def run_once(
    tmp_path_factory: pytest.TempPathFactory, name: str, run: Callable[[Path], subprocess.CompletedProcess[str]]
) -> Path:
    """Return a study that all test processes share, run to its end by whichever asks first."""
    own = tmp_path_factory.getbasetemp()  # of this run; with several processes each has its own folder in the run's
    shared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / name
    with FileLock(f"{shared}.lock"):
        if not (shared / "done").exists():
            shared.mkdir(exist_ok=True)
            finished = run(shared / "study")
            assert finished.returncode == 0, finished.stdout + finished.stderr
            (shared / "done").touch()
    return shared / "study"


def sensitivity(study: Path) -> bytes:
    """Return the study's result."""
    return (study / "report" / "sensitivity.csv").read_bytes()


def gate_reports(study: Path) -> dict[str, bytes]:
    """Return what the gates found, by path in the study."""
    return {path.relative_to(study).as_posix(): path.read_bytes() for path in sorted(study.glob("day-*/gates/*"))}


PROGRESS = re.compile(r": \d{1,3} %(, about .* left)?$")  # of a long stage on a slow machine


def one_line_error(finished: subprocess.CompletedProcess[str]) -> str:
    """Return what a failed command said, having checked that it is one line and no traceback."""
    assert finished.returncode == 1, finished.stdout + finished.stderr
    lines = [line for line in finished.stderr.strip().splitlines() if not PROGRESS.search(line)]
    assert len(lines) == 1, finished.stderr
    return lines[0]
