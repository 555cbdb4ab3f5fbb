"""A simulated study that is made for a study without data: the same program as on the day, as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.errors import ExecutionError
from closedloop.plain_text.printed import command_line

_INTERRUPTED = 130


def make_study(folder: Path, *, protocol: str, subject: str = "simulated", workers: str | None = None) -> Path:
    """Run a shipped protocol around a simulated subject, or what is left of it; its progress goes to this terminal.

    Parameters
    ----------
    folder
        Of the study.
    protocol
        Name of a shipped protocol.
    subject
        Name of the simulated subject, which decides its sites and tuning.
    workers
        Who computes, as ``--workers`` takes it; None for this machine.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    KeyboardInterrupt
        The process was asked to end.
    ExecutionError
        It failed; what it said stands above.
    """
    command = [sys.executable, "-m", "closedloop", "dry-run", str(folder)]
    command += ["--protocol", str(shipped_protocols()[protocol]), "--subject", subject]
    command += [] if workers is None else ["--workers", workers]
    with subprocess.Popen(command, stdout=sys.stderr.fileno()) as process:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            raise
    if code == _INTERRUPTED:
        raise KeyboardInterrupt
    if code != 0:
        raise ExecutionError(
            f"{command_line(*command[2:])} ended with code {code}: expected a finished study. Mend what it says above, "
            "and run the same command again: it goes on."
        )
    return folder
