"""Which sessions keep their gaze samples: those in real time, of an eye that no program moves."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from closedloop.artifacts.catalog import GAZE
from closedloop.artifacts.day.gaze.layout import GazeHeader
from rig.session.folder import Session
from rig.session.gaze_writer import GazeWriter

_OF_NOBODY: Final = ("scripted", "none")


def open_gaze_writer(
    session: Session, out: Path, *, eye: str, is_real_time: bool, n_launches: int
) -> GazeWriter | None:
    """Return where a launch's gaze samples go; None where nobody looks, or on a virtual clock.

    Parameters
    ----------
    session
        What is shown.
    out
        Where its output goes.
    eye
        Whose gaze it is, as the journal says.
    is_real_time
        Whether the display's clock is a real one.
    n_launches
        How often it was launched before.

    Raises
    ------
    SessionError
        Another session's gaze lies there.
    """
    if not is_real_time or eye in _OF_NOBODY:
        return None
    header = GazeHeader(simulated=session.document.simulated, session_id=session.document.session_id)
    return GazeWriter(out / GAZE.name, header, launch=n_launches)
