"""Running the real command as a real process, for the tests of the loop."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROTOCOL = Path(__file__).with_name("two_days.yaml")
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "300"}


def command(*arguments: str | Path) -> list[str]:
    """Return the command line of `closedloop`."""
    return [sys.executable, "-m", "closedloop.cli", *map(str, arguments)]


def closedloop(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `closedloop` to its end."""
    return subprocess.run(
        command(*arguments), check=False, capture_output=True, text=True, env=ENVIRONMENT, cwd=cwd, timeout=600
    )


def dry_run(study: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the small study."""
    return closedloop("dry-run", study, "--protocol", PROTOCOL, *arguments)


def sensitivity(study: Path) -> bytes:
    """Return the study's result."""
    return (study / "report" / "sensitivity.csv").read_bytes()


def one_line_error(finished: subprocess.CompletedProcess[str]) -> str:
    """Return what a failed command said, having checked that it is one line and no traceback."""
    assert finished.returncode == 1, finished.stdout + finished.stderr
    lines = finished.stderr.strip().splitlines()
    assert len(lines) == 1, finished.stderr
    return lines[0]
