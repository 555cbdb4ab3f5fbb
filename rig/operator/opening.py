"""Opens the operator's desk as the operator chose it; what cannot be opened is said, and the session goes on."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from closedloop.artifacts.day.session import ScreenSettings, SessionDocument
from closedloop.artifacts.rig.description import RigDocument
from closedloop.errors import SessionError
from closedloop.terminal.streams import say
from rig.operator.desk import Desk
from rig.operator.mailbox import Mailbox
from rig.operator.panel import NoPanel, Panel, PanelProcess, has_terminal
from rig.operator.tally import SessionTally
from rig.operator.typed import own_terminal


@dataclass(frozen=True)
class PanelChoice:
    """What the operator watches.

    Attributes
    ----------
    kind
        "auto" is settled by `settle_panel`.
    screen
        The operator's, for a window; None where there is one screen.
    """

    kind: Literal["auto", "window", "terminal", "none"] = "none"
    screen: int | None = None


NO_PANEL = PanelChoice()


def has_tkinter() -> bool:
    """Return whether this Python can draw windows: some have the library's first half alone."""
    return all(find_spec(name) is not None for name in ("tkinter", "_tkinter"))


def settle_panel(choice: PanelChoice, display: str, screen: ScreenSettings, rig: RigDocument | None) -> PanelChoice:
    """Return which panel there is: a window on a screen of its own, else a page in the terminal, else none.

    Parameters
    ----------
    choice
        As the operator chose.
    display
        Of the session; one without a screen is over in no time, and nobody watches it.
    screen
        The animal's, as the session was planned.
    rig
        Says which screens there are, where there is a description.

    Raises
    ------
    SessionError
        What was chosen cannot be: nobody's window opens over the animal's picture.
    """
    subject_screen = screen.screen
    if rig is not None:
        subject_screen = rig.subject_screen.screen
        if choice.screen is None and rig.operator_screen is not None:
            choice = replace(choice, screen=rig.operator_screen.screen)
    if choice.kind == "auto":
        choice = _best_panel(choice, display, is_described=rig is not None and rig.operator_screen is not None)
    elif choice.kind == "window" and not has_tkinter():
        raise SessionError(
            "operator window: expected tkinter, found a Python without it. Install it (Debian: `apt install "
            "python3-tk`), or pass --panel terminal."
        )
    if choice.kind == "window" and display != "headless" and choice.screen in (None, subject_screen):
        found = "none was named" if choice.screen is None else f"the animal's, screen {subject_screen}"
        raise SessionError(
            f"operator window: expected a screen of its own, found {found}. "
            "Set operator_screen in rig.yaml, or pass --panel terminal."
        )
    if choice.kind == "terminal" and not has_terminal():
        raise SessionError(
            "operator's page: expected a terminal, found a file or a pipe. Run it in a terminal, or pass --panel none."
        )
    return choice


def _best_panel(choice: PanelChoice, display: str, *, is_described: bool) -> PanelChoice:
    if display != "headless" and choice.screen is not None:
        # What a window that rig.yaml asks for lacks is said by the checks, and not made do without.
        if is_described or has_tkinter():
            return PanelChoice("window", choice.screen)
        say("operator window: this Python has no tkinter (Debian: `apt install python3-tk`).")
    return PanelChoice("terminal" if display != "headless" and has_terminal() else "none")


def open_desk(document: SessionDocument, *, folder: Path, out: Path, panel: PanelChoice, resume: str) -> Desk:
    """Open the desk of a session about to be shown.

    Parameters
    ----------
    document
        session.json.
    folder, out
        The session folder, and where its journal is written by this rig alone.
    panel
        What is watched.
    resume
        The command that goes on with the session.
    """
    typed = own_terminal() if panel.kind != "terminal" else None
    return Desk(SessionTally(document), _open_panel(panel, folder, resume), _open_mailbox(folder, out), typed)


def _open_panel(choice: PanelChoice, folder: Path, resume: str) -> Panel:
    if choice.kind not in ("window", "terminal"):
        return NoPanel()
    return PanelProcess(choice.kind, session=folder, resume=resume, screen=choice.screen or 0)


def _open_mailbox(folder: Path, out: Path) -> Mailbox | None:
    if sys.platform != "linux":
        say("rig tell: reaches no rig on this system; the keys of its windows do.")
        return None
    try:
        return Mailbox(folder, out)
    except SessionError as error:  # the session is worth more than a second way to stop it
        say(str(error))
        return None
