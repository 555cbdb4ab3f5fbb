"""What PsychoPy drives beside the window: the mouse as an eye, and the parallel port."""

from __future__ import annotations

from typing import Any

from closedloop.errors import SessionError
from rig.display.placement import degrees
from rig.display.psychopy.display import PsychoPyDisplay
from rig.display.psychopy.window import import_psychopy
from rig.ports.gaze import GazePoint, GazeSample


class MouseGaze:
    """The mouse as an eye, for demonstrations."""

    name = "mouse"

    def __init__(self, display: PsychoPyDisplay, *, cm_per_px: float, distance_cm: float) -> None:
        _, event = import_psychopy()
        self._mouse = event.Mouse(win=display.window)
        self._cm_per_px, self._distance_cm = cm_per_px, distance_cm

    def start_trial(self, trial: int, time_s: float) -> None:
        """Do nothing: a mouse knows no trials."""

    def samples(self, now_s: float) -> tuple[GazeSample]:
        """Return where the mouse points now, in degrees from the middle."""
        x_deg, y_deg = (
            degrees(float(px), cm_per_px=self._cm_per_px, distance_cm=self._distance_cm) for px in self._mouse.getPos()
        )
        return (GazeSample(now_s, GazePoint(x_deg, y_deg)),)

    def close(self) -> None:
        """Do nothing: the mouse goes with the window."""


def open_parallel_port(address: str) -> Any:
    """Open a parallel port by its device (``/dev/parport0``) or address (``0x378``).

    Raises
    ------
    SessionError
        There is none, or its driver is missing.
    """
    from psychopy import parallel  # noqa: PLC0415

    try:
        return parallel.ParallelPort(int(address, 16) if address.lower().startswith("0x") else address)
    except Exception as error:
        raise SessionError(
            f"parallel port {address}: expected to open it, found {error!r}. Check its name, driver and permissions."
        ) from error
