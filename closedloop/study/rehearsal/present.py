"""The session of a rehearsal, shown by the real rig as its description says, as far as that can be practised here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from closedloop.artifacts.catalog import SESSION
from closedloop.artifacts.rig.description import RigDocument
from closedloop.artifacts.rig.ports import CodesPort, GazePort, RewardPort
from closedloop.artifacts.rig.template import rig_yaml
from closedloop.errors import SessionError
from closedloop.plain_text.json_text import parse_json
from closedloop.stages.context import StageContext
from closedloop.stages.present import show
from closedloop.storage import make_folder, write_bytes

RehearsalDisplay = Literal["headless", "psychopy"]

_ENDED_WITH_FINDINGS = (0, 1)  # of `rig check`: nothing, or something, stands against the session


@dataclass(frozen=True)
class RigFinding:
    """A line of `rig check`: what was looked at, PASS, WARN or FAIL, what was found, and what to do."""

    name: str
    status: Literal["PASS", "WARN", "FAIL"]
    found: str
    fix: str
    can_be_overridden: bool


def present_rehearsed(context: StageContext, *, rig: RigDocument | None, display: RehearsalDisplay) -> None:
    """Show a day's session to nobody: a scripted monkey looks, nothing gives juice, no recorder is started.

    What stands against the description and can be overridden is overridden: it is told in the end, and the day goes on.

    Parameters
    ----------
    context
        Of the stage.
    rig
        The rig's description; None: none is used.
    display
        A virtual clock without a screen, or the screen of this machine, in real time.
    """
    options: list[str | Path] = ["--display", display]
    if rig is not None:
        practised = context.scratch / "rig.yaml"
        make_folder(practised.parent)
        write_bytes(practised, rig_yaml(practise(rig)).encode())
        findings = check_rig(context.path(SESSION).parent, practised, display=display, out=context.working)
        failed = [one for one in findings if one.status == "FAIL"]
        if all(one.can_be_overridden for one in failed):
            options += ["--rig", practised]
            for one in failed:
                options += ["--despite", one.name]
    show(context.path(SESSION).parent, out=context.working, options=options)


def practise(rig: RigDocument) -> RigDocument:
    """Return a rig as a rehearsal has it: its screen and photodiode, and nothing that an animal or a recorder gets."""
    return rig.model_copy(
        update={
            "codes": CodesPort(transport="none"),
            "gaze": GazePort(source="scripted"),
            "reward": RewardPort(device="none"),
            "recorder": rig.recorder.model_copy(
                update={
                    "kind": "none",
                    "device": None,
                    "folder": None,
                    "split_minutes": None,
                    "split_presentations": None,
                }
            ),
            "operator_screen": None,
        }
    )


def check_rig(session: Path, rig: Path, *, display: RehearsalDisplay, out: Path) -> tuple[RigFinding, ...]:
    """Have `rig check` look at a session and a rig's description, as a process of its own.

    Parameters
    ----------
    session
        The session folder.
    rig
        The description.
    display
        Without a screen, devices that need one are not looked at.
    out
        Where the journal would go.

    Raises
    ------
    SessionError
        It could not look.
    """
    command = [sys.executable, "-m", "rig", "check", str(session), "--display", display, "--rig", str(rig)]
    command += ["--out", str(out), "--json"]
    finished = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | {"COLUMNS": "400"})
    if finished.returncode not in _ENDED_WITH_FINDINGS or not finished.stdout.strip():
        lines = [line for line in finished.stderr.splitlines() if line.strip()]
        said = lines[-1] if lines else "nothing"
        raise SessionError(f"rig check ended with code {finished.returncode} and said: {said}")
    return _findings(finished.stdout)


def _findings(text: str) -> tuple[RigFinding, ...]:
    plain: Sequence[dict[str, Any]] = parse_json(text.encode(), place="rig check --json")
    names = ("name", "status", "found", "fix", "can_be_overridden")
    return tuple(RigFinding(**{name: one[name] for name in names}) for one in plain)
