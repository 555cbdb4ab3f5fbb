"""Opens the way of digital codes to the recorder."""

from __future__ import annotations

from closedloop.artifacts.rig.ports import CodesPort
from rig.ports.codes import CodePort, CommentCodes, FileCodes, ParallelCodes, SerialCodes
from rig.ports.microcontroller.codes import MicrocontrollerCodes
from rig.ports.microcontroller.device import Microcontrollers
from rig.ports.recorders.port import Recorder


def open_codes(port: CodesPort | None, recorder: Recorder, microcontrollers: Microcontrollers) -> CodePort:
    """Open the way of digital codes to the recorder.

    Parameters
    ----------
    port
        As the rig describes it; None for a simulated session without a rig, whose journal alone holds the codes.
    recorder
        Takes the codes where they go as comments.
    microcontrollers
        Those in use: reward may share one.

    Raises
    ------
    SessionError
        The port cannot be opened.
    """
    if port is None or port.transport == "none":
        return FileCodes()
    if port.transport == "comment":
        return CommentCodes(recorder)
    address = port.address
    if address is None:
        raise ValueError(f"expected an address for {port.transport} codes")
    if port.transport == "serial":
        return SerialCodes(address, framing=port.framing)
    if port.transport == "microcontroller":
        return MicrocontrollerCodes(microcontrollers.at(address))
    from rig.display.psychopy.devices import open_parallel_port  # noqa: PLC0415

    return ParallelCodes(open_parallel_port(address))
