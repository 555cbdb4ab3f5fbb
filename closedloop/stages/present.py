"""Present: in a simulated study, start the rig as a process of its own, as on the day. In a real one a person does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from closedloop.artifacts.catalog import JOURNAL, SESSION, SUMMARY
from closedloop.errors import SessionError
from closedloop.stages.context import StageContext

_INTERRUPTED = 130  # the rig's exit code where it was asked to end: Ctrl-C, SIGTERM, a closed terminal


def run(context: StageContext) -> None:
    """Write journal.jsonl and summary.json, by `rig present --display headless`; resume a journal that is there."""
    show(context.path(SESSION).parent, out=context.working, options=["--display", "headless"])


def show(session: Path, *, out: Path, options: Sequence[str | Path]) -> None:
    """Have the rig show a session to its end, as a process of its own, and resume what was stopped.

    Parameters
    ----------
    session
        Its folder.
    out
        Where journal and summary go.
    options
        Of `rig present`, beside --out and --resume.

    Raises
    ------
    SessionError
        The rig ended before the session did.
    """
    _present(session, out=out, options=options, resume=(out / JOURNAL.name).exists())
    summary = SUMMARY.read(out / SUMMARY.name)
    if summary.n_remaining:
        raise SessionError(f"{out}: expected every presentation accepted, found {summary.n_remaining} left. Run again.")


def _present(session: Path, *, out: Path, options: Sequence[str | Path], resume: bool) -> None:
    command = [sys.executable, "-m", "rig", "present", str(session), *map(str, options), "--out", str(out)]
    if resume:
        command.append("--resume")
    finished = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | {"COLUMNS": "400"})
    if finished.returncode < 0 or finished.returncode == _INTERRUPTED:
        raise SessionError(
            f"{out}: expected rig present, which this command had started, to show the session to its end, found it "
            f"{_ended_by(finished.returncode)}. Run the same command again: the journal is kept, and it goes on from "
            "there. If nobody ended it, memory ran out: free some first."
        )
    if finished.returncode != 0:
        lines = [line for line in finished.stderr.splitlines() if line.strip()]
        said = lines[-1] if lines else "nothing"
        raise SessionError(f"rig present ended with code {finished.returncode} and said: {said}")


def _ended_by(status: int) -> str:
    if status == _INTERRUPTED:
        return "asked to end"
    try:
        return f"ended by {signal.Signals(-status).name}"
    except ValueError:  # a real-time signal has no name
        return f"ended by signal {-status}"
