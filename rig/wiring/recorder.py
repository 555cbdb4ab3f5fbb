"""Opens who records."""

from __future__ import annotations

from closedloop.artifacts.rig.description import RigDocument
from rig.ports.recorder import NoRecorder, Recorder


def open_recorder(rig: RigDocument | None) -> Recorder:
    """Open who records."""
    return NoRecorder(rig.recorder.kind if rig is not None else "none")
