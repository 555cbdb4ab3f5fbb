"""Opens what gives reward."""

from __future__ import annotations

from closedloop.artifacts.rig.description import RigDocument
from rig.apparatus import Launch
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
    if rig.reward.address is None:
        raise ValueError(f"expected an address for reward by {rig.reward.device}")
    return MicrocontrollerReward(microcontrollers.at(rig.reward.address))
