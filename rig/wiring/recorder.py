"""Opens who records."""

from __future__ import annotations

from closedloop.artifacts.rig.description import RigDocument
from rig.apparatus import Launch
from rig.ports.recorders.port import NoRecorder, Recorder


def open_recorder(rig: RigDocument | None, launch: Launch, *, is_attended: bool) -> Recorder:
    """Open who records.

    Parameters
    ----------
    rig
        Names the device; None for a simulated session without a rig.
    launch
        A rehearsal and a training are no sessions, a virtual clock is over in no time: none of them is recorded.
    is_attended
        Whether somebody reads a question and can answer it.

    Raises
    ------
    DeviceError
        The device is not there.
    """
    if rig is None:
        return NoRecorder()
    port = rig.recorder
    is_recorded = launch.display != "headless" and not (launch.is_rehearsal or launch.is_training)
    if port.device is not None:
        if not is_recorded:
            return NoRecorder()
        from rig.ports.recorders.blackrock import BlackrockRecorder  # noqa: PLC0415 - loaded where it is used

        return BlackrockRecorder(port.device, port.folder)
    if port.kind == "by_hand" and is_recorded and is_attended:
        from rig.ports.recorders.by_hand import HandRecorder  # noqa: PLC0415 - loaded where it is used

        return HandRecorder(port.folder)
    return NoRecorder(port.kind)
