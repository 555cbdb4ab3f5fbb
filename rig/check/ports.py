"""Checks of what is wired to the rig: each port is opened, and stays open for the session."""

from __future__ import annotations

import time

from rig.apparatus import open_codes, open_gaze, open_recorder, open_reward
from rig.check.findings import Finding, fail, unless_simulated, warn
from rig.check.inspection import Inspection
from rig.check.watching import growing, sizes_of
from rig.machine.device_faults import close_device
from rig.ports.microcontroller.reward import MicrocontrollerReward

_LEAST_WATCHED_S = 5.0  # a recorder writes more often than that

UNDESCRIBED = "what is wired to this computer is not described"
DESCRIBE = "Pass --rig FILE; `rig init` writes one."


def codes(at: Inspection) -> str | Finding:
    """Open the way of digital codes."""
    if at.rig is None and not at.simulated:
        return warn(UNDESCRIBED, DESCRIBE)
    at.recorder = open_recorder(at.document)
    at.codes = open_codes(at.document.codes if at.document else None, at.recorder, at.microcontrollers)
    at.stack.callback(close_device, f"digital codes ({at.codes.transport})", at.codes.close)
    numbers = at.known_session().document.codes
    last = numbers.first_presentation + numbers.n_presentation - 1
    ranges = (
        f"{numbers.first_presentation} to {last} for presentations, "
        f"{numbers.first_trial} to {numbers.first_trial + numbers.n_trial - 1} for trials"
    )
    if at.codes.transport != "file":
        address = at.document.codes.address if at.document else None
        return f"by {at.codes.transport}{f' port {address}' if address else ''}: {ranges}"
    if at.rig is None:
        return f"none leaves the rig: the journal of a simulated session has them ({ranges})"
    wired = at.rig.document.codes.transport
    found = "none" if wired == "none" else f"{wired}s that no recorder takes"
    return unless_simulated(
        f"expected digital codes to reach the recorder, found {found} in {at.rig.path}",
        "Wire a port, and set codes.transport to parallel or serial.",
        simulated=at.simulated,
    )


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
    return f"{at.reward.name}, closed"


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


def gaze(at: Inspection) -> str | Finding:
    """Open what says where the animal looks."""
    if at.rig is None and not at.simulated:
        return warn(UNDESCRIBED, DESCRIBE)
    if at.display is None:
        return warn("not looked at: it needs the display", "Correct the display, and check again.")
    at.gaze = open_gaze(at.known_session(), at.document, at.launch, at.display)
    at.stack.callback(close_device, f"gaze ({at.gaze.name})", at.gaze.close)
    if at.gaze.name == "mouse":
        return unless_simulated(
            f"expected an eye tracker, found the mouse in {at.rig.path if at.rig else 'its place'}",
            "Set gaze.source in rig.yaml to a tracker; `rig devices` lists what is there.",
            simulated=at.simulated,
        )
    return f"{at.gaze.name}: a script stands for the eye" if at.gaze.name == "scripted" else at.gaze.name


def recorder(at: Inspection) -> str | Finding | None:
    """Ask whether somebody records; looked at late, so that a recording had time to grow."""
    if at.rig is None:
        return None if at.simulated else warn(UNDESCRIBED, DESCRIBE)
    described = at.rig.document.recorder
    if described.kind == "none":
        return unless_simulated(
            f"expected a recorder, found none in {at.rig.path}",
            "Set recorder.kind: by_hand if somebody starts it.",
            simulated=at.simulated,
        )
    if described.folder is None:
        return warn(
            "started by hand: whether it records cannot be seen from here",
            "See that its files grow; or set recorder.folder in rig.yaml if this computer sees it.",
        )
    watched_s = time.monotonic() - at.began_s
    grown = growing(at.recorded, sizes_of(described.folder))
    if grown:
        return f"{grown[-1].name} grows in {described.folder}"
    if watched_s < _LEAST_WATCHED_S:
        return warn(
            f"{described.folder} was watched for {watched_s:.1f} s alone: no file grew",
            "Start the recording, and see that its files grow.",
        )
    return unless_simulated(
        f"expected a file to grow in {described.folder}, found none that did in {watched_s:.0f} s",
        "Start the recording, then run the same command again.",
        simulated=at.simulated,
    )
