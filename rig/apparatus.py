"""What the operator chose for one start of the rig, and the display that it opens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from closedloop.artifacts.rig.description import RigDocument, read_rig
from closedloop.errors import RigError, SessionError
from closedloop.plain_text.printed import command_line
from rig.display.display import Display, DisplayName
from rig.display.headless import HeadlessDisplay
from rig.display.pixel_audit import PixelAuditor
from rig.operator.opening import NO_PANEL, PanelChoice
from rig.ports.clock import VirtualClock
from rig.session.folder import Session
from rig.stop import StopRequest

AUDIT_NAME = "pixel_audit.json"


@dataclass(frozen=True)
class Launch:
    """What the operator chose for one start of the rig.

    Attributes
    ----------
    session
        The session folder.
    out
        Where journal.jsonl and summary.json go.
    display
        Where to show it.
    resume
        Continue an existing journal.
    audit_pixels
        How many distinct images to read back from the screen buffer and compare.
    gaze
        Who looks in a simulated session without a rig: its scripted monkey, or the mouse.
    rig
        The rig's description; a session with an animal needs one.
    despite
        Names of checks that the operator overrides.
    panel
        What the operator watches.
    is_rehearsal
        Whether a scripted monkey looks, whatever the rig has, and the journal is marked as one that is never data.
    is_training
        Whether an animal is taught to fixate: the journal is marked likewise, nothing is recorded, no code is sent.
    again
        The command line that goes on with it, where that is not `rig present --resume`.
    """

    session: Path
    out: Path
    display: DisplayName
    resume: bool = False
    audit_pixels: int = 0
    gaze: Literal["scripted", "mouse"] = "scripted"
    rig: Path | None = None
    despite: tuple[str, ...] = ()
    panel: PanelChoice = NO_PANEL
    is_rehearsal: bool = False
    is_training: bool = False
    again: str = ""


def resume_command(launch: Launch) -> str:
    """Return the command line that continues a launch, with the operator's choices."""
    if launch.again:
        return launch.again
    words: list[str | Path] = ["rig", "present", launch.session, "--display", launch.display]
    words += ["--out", launch.out, "--resume"]
    if launch.audit_pixels:
        words += ["--audit-pixels", str(launch.audit_pixels)]
    if launch.gaze != "scripted":
        words += ["--gaze", launch.gaze]
    if launch.rig is not None:
        words += ["--rig", launch.rig]
    for name in launch.despite:
        words += ["--despite", name]
    if launch.panel.kind not in ("auto", "none"):
        words += ["--panel", launch.panel.kind]
        if launch.rig is None and launch.panel.screen is not None:
            words += ["--operator-screen", str(launch.panel.screen)]
    return command_line(*words)


@dataclass(frozen=True)
class DescribedRig:
    """A rig's description as it was read.

    Attributes
    ----------
    path
        Its file.
    document
        What it says.
    sha256
        Of the file.
    """

    path: Path
    document: RigDocument
    sha256: str


def describe_rig(session: Session, path: Path | None) -> DescribedRig | None:
    """Read the rig's description; a simulated session needs none.

    Raises
    ------
    RigError
        It cannot be read, or a session with an animal has none.
    """
    if path is not None:
        document, sha256 = read_rig(path)
        return DescribedRig(path, document, sha256)
    if session.document.simulated:
        return None
    raise RigError(
        f"{session.folder}: expected a rig's description for a session with an animal, found none. "
        "Pass --rig FILE; `rig init` writes one."
    )


def open_display(
    session: Session,
    rig: RigDocument | None,
    launch: Launch,
    *,
    start_s: float,
    stop: StopRequest,
    auditor: PixelAuditor | None,
) -> Display:
    """Open the display.

    Parameters
    ----------
    session
        What will be shown.
    rig
        Says on which screen; None for a simulated session without a rig.
    launch
        What the operator chose.
    start_s
        Where a virtual clock begins, seconds.
    stop
        For displays with a keyboard.
    auditor
        Reads back images as they are shown, or None.

    Raises
    ------
    SessionError
        There is none, or it is not fit.
    """
    screen = session.document.screen
    if launch.display == "headless":
        clock = VirtualClock(screen.refresh_hz, start_s=start_s)
        return HeadlessDisplay(
            clock, refresh_hz=screen.refresh_hz, width_px=screen.width_px, height_px=screen.height_px
        )
    from rig.display.psychopy.display import PsychoPyDisplay  # noqa: PLC0415 - takes a second and needs a screen

    return PsychoPyDisplay(session, stop=stop, auditor=auditor, rig=rig)


def open_audit(session: Session, launch: Launch) -> PixelAuditor | None:
    """Return who reads images back from the screen buffer; None where nobody asked for it.

    Raises
    ------
    SessionError
        The display has no pixels.
    """
    if not launch.audit_pixels:
        return None
    if launch.display == "headless":
        raise SessionError("--audit-pixels: expected a display with pixels, found headless. Pass --display psychopy.")
    return PixelAuditor(session, launch.audit_pixels)
