"""Opens what gives reward."""

from __future__ import annotations

from closedloop.artifacts.rig.description import RigDocument
from closedloop.artifacts.rig.ports import RewardPort
from rig.apparatus import Launch
from rig.ports.digital_line.lab_jack import open_labjack_line
from rig.ports.digital_line.line import HostTimedLine, ParallelLine
from rig.ports.digital_line.ni_daq import open_ni_line
from rig.ports.digital_line.reward import DigitalLineReward
from rig.ports.microcontroller.device import Microcontrollers
from rig.ports.microcontroller.reward import MicrocontrollerReward
from rig.ports.reward import Reward, SilentReward


def open_reward(rig: RigDocument | None, launch: Launch, microcontrollers: Microcontrollers) -> Reward:
    """Open what gives reward.

    Parameters
    ----------
    rig
        Names the device; None for a simulated session without a rig.
    launch
        A rehearsal has no animal, and a virtual clock does not wait for a valve: both give none.
    microcontrollers
        Those in use: codes may share one.

    Raises
    ------
    SessionError
        The device cannot be opened.
    """
    if rig is None or launch.is_rehearsal or launch.display == "headless" or rig.reward.device == "none":
        return SilentReward()
    return open_valve_of(rig.reward, microcontrollers)


def open_valve_of(port: RewardPort, microcontrollers: Microcontrollers) -> Reward:
    """Open the valve that a rig describes.

    Raises
    ------
    SessionError
        The device cannot be opened.
    ValueError
        It describes none.
    """
    address, line = port.address or "", port.line or ""
    match port.device:
        case "microcontroller":
            return MicrocontrollerReward(microcontrollers.at(address))
        case "digital_line":
            return DigitalLineReward(port.device, lambda: _parallel_line(address, line))
        case "nidaqmx":
            return DigitalLineReward(port.device, lambda: open_ni_line(address))
        case "labjack":
            return DigitalLineReward(port.device, lambda: open_labjack_line(address, line))
        case "none":
            raise ValueError("expected a valve, found none")


def _parallel_line(address: str, line: str) -> HostTimedLine:
    from rig.display.psychopy.devices import open_parallel_port  # noqa: PLC0415

    return HostTimedLine(ParallelLine(open_parallel_port(address), line, address))
