"""Present: in a simulated study, start the rig as a process of its own, as on the day. In a real one a person does."""

from __future__ import annotations

import os
import subprocess
import sys

from closedloop.artifacts.day.journal import SessionSummary
from closedloop.errors import SessionError
from closedloop.stages.context import StageContext

JOURNAL_NAME, SUMMARY_NAME = "journal.jsonl", "summary.json"


def run(context: StageContext) -> None:
    """Write journal.jsonl and summary.json, by `rig present --display headless`; go on with a journal that is there."""
    command = [sys.executable, "-m", "rig", "present", str(context.published("schedule"))]
    command += ["--display", "headless", "--out", str(context.working)]
    if (context.working / JOURNAL_NAME).exists():
        command.append("--resume")
    finished = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | {"COLUMNS": "400"})
    if finished.returncode != 0:
        lines = [line for line in finished.stderr.splitlines() if line.strip()]
        said = lines[-1] if lines else "nothing"
        raise SessionError(f"rig present ended with code {finished.returncode} and said: {said}")
    summary = SessionSummary.read(context.working / SUMMARY_NAME)
    if summary.n_remaining:
        raise SessionError(
            f"{context.working}: expected every presentation accepted, found {summary.n_remaining} left. Run again."
        )
