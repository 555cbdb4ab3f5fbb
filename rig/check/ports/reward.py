"""Whether the valve is there, and closed."""

from __future__ import annotations

from rig.check.findings import Finding, fail, warn
from rig.check.inspection import Inspection
from rig.check.ports.described import DESCRIBE, UNDESCRIBED
from rig.machine.device_faults import close_device
from rig.ports.digital_line.reward import DigitalLineReward
from rig.ports.microcontroller.reward import MicrocontrollerReward
from rig.wiring.reward import open_reward


def reward(at: Inspection) -> str | Finding | None:
    """Open what gives reward, closed."""
    at.reward = open_reward(at.document, at.launch, at.microcontrollers)
    at.stack.callback(close_device, f"reward ({at.reward.name})", at.reward.close)
    if at.rig is None:
        return None if at.simulated else warn(UNDESCRIBED, DESCRIBE)
    if at.rig.document.reward.device == "none" and not at.simulated:
        return warn("no valve: the rig gives no reward, and counts none", "Give it by hand, or describe a valve.")
    if at.reward.name == "none":
        return (
            "no valve"
            if at.rig.document.reward.device == "none"
            else "not opened: neither a rehearsal nor a session without a screen gives reward"
        )
    if isinstance(at.reward, MicrocontrollerReward):
        return _valve(at.reward, asked_ms=at.known_session().document.trial.reward_ms)
    if isinstance(at.reward, DigitalLineReward):
        return _line(at.reward, asked_ms=at.known_session().document.trial.reward_ms)
    return f"{at.reward.name}, closed"


def _line(reward: DigitalLineReward, *, asked_ms: float) -> str | Finding:
    """Say what a digital line cannot: whether a valve hangs on it, and who closes it if this program is killed."""
    if asked_ms > reward.largest_ms:
        return fail(
            f"{reward.place}: expected to be asked for {reward.largest_ms:g} ms at once at most, found rewards of "
            f"{asked_ms:g} ms in the session",
            "Plan shorter rewards.",
        )
    if not reward.is_host_timed:
        return f"{reward.place}, low; the card times its pulses"
    return warn(
        f"{reward.place}, low; this computer times its openings: if the program is killed or the computer hangs in "
        "one, the valve stays open",
        "Keep a hand at the tap, or use a microcontroller, which closes by itself (docs/firmware.md).",
    )


def _valve(reward: MicrocontrollerReward, *, asked_ms: float) -> str | Finding:
    """Believe what the device says of itself and of its valve, and nothing else."""
    device = reward.device
    version, valve = device.version, device.valve()
    if valve.is_open:
        return fail(
            f"{device.place}: expected its valve closed, found it open",
            "Close the tap. It closes by itself within a second; if not, switch its supply off and look at its wiring.",
        )
    if asked_ms > version.largest_ms:
        return fail(
            f"{device.place}: expected to be asked for {version.largest_ms} ms at once at most, found rewards of "
            f"{asked_ms:g} ms in the session",
            "Plan shorter rewards, or program it with a larger LARGEST_MS.",
        )
    said = f"{device.place}: {version.board}, firmware {version.firmware}, closed, {valve.n_openings:,} openings"
    if valve.n_bad:
        return warn(f"{said}; {valve.n_bad} frames came damaged since it began", "Check its cable.")
    return f"{said} since it began, by {version.reset}"
