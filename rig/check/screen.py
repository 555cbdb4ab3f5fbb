"""Checks of the display on which the session will be shown: it is opened, and watched for ten seconds."""

from __future__ import annotations

from collections.abc import Sequence

from closedloop.errors import SessionError
from rig.apparatus import open_audit, open_display
from rig.check.findings import Finding, fail, unless_simulated, warn
from rig.check.folder import MOST_DIFFERENCE
from rig.check.inspection import Inspection
from rig.display.display import BLANK, DisplayFacts, Flip
from rig.display.screens import choose_screen

MOST_LONG_FRACTION = 0.005
"""Of intervals longer than a frame: an image and its grey are 12 frames, so that 6 % of the presentations are lost."""


def screens(at: Inspection) -> str | Finding | None:
    """Ask which screens there are, before a window is opened on one: the animal's is its own, unscaled, of its size."""
    if at.launch.display == "headless":
        return None
    screen = at.known_session().document.screen
    found = at.list_screens()
    chosen = choose_screen(
        found, screen.screen, width_px=screen.width_px, height_px=screen.height_px, full_screen=screen.full_screen
    )
    said = f"{len(found)} found; the animal's: {chosen.number} ({chosen.name}), {chosen.place}"
    if chosen.refresh_hz is not None:
        said += f", {chosen.refresh_hz:.2f} Hz"
        if abs(chosen.refresh_hz / screen.refresh_hz - 1.0) > MOST_DIFFERENCE:
            raise SessionError(
                f"screens: expected a mode of {screen.refresh_hz:g} Hz, found {chosen.refresh_hz:.2f} Hz "
                f"({chosen.name}). Set the screen's mode, or plan the session for this rate."
            )
    operator = at.document.operator_screen if at.document is not None else None
    if operator is not None and operator.screen not in {one.number for one in found}:
        return warn(
            f"{said}; no screen {operator.screen} for you", "Connect it, or set operator_screen: null in rig.yaml."
        )
    if chosen.scale is None and at.rig is not None:
        return warn(f"{said}; whether it is scaled cannot be seen here", "See that the desktop's scaling is at 100 %.")
    return said


def display(at: Inspection) -> str | Finding:
    """Open the display."""
    headless = at.launch.display == "headless"
    if headless and not at.simulated:
        raise SessionError(
            "display: expected a screen for a session with an animal, found headless. Pass --display psychopy."
        )
    opened = at.known_session()
    at.auditor = open_audit(opened, at.launch)
    at.display = open_display(opened, at.launch, start_s=at.start_s, stop=at.stop, auditor=at.auditor)
    at.stack.callback(at.display.close)
    facts = at.display.facts
    if headless:
        return "headless: a virtual clock, nothing is shown"
    return f"{facts.width_px} x {facts.height_px}, {facts.renderer}"


def refresh(at: Inspection) -> str | Finding | None:
    """Flip for ten seconds, and count the intervals that were longer than a frame."""
    if at.display is None or at.launch.display == "headless":
        return None
    shown, flips = at.display, list[Flip]()
    for _ in range(round(at.refresh_s * shown.refresh_hz)):
        if at.stop.requested:
            break
        flips.append(shown.flip(BLANK))
    found = judge_refresh(flips, shown.facts, wanted_hz=at.known_session().document.screen.refresh_hz)
    if found.status == "FAIL" and at.simulated and at.rig is None:
        return warn(found.found, found.fix)
    return found


def judge_refresh(flips: Sequence[Flip], facts: DisplayFacts, *, wanted_hz: float) -> Finding:
    """Say whether flips come frame by frame.

    Parameters
    ----------
    flips
        One after the other, without anything in between.
    facts
        Who paces them, and what counts frames.
    wanted_hz
        Frames per second that the session was planned for.
    """
    if len(flips) < 2:
        return warn("the display was not watched: the check was stopped", "Check again.")
    n_long = sum(flip.n_frames > 1 for flip in flips[1:])
    seconds, n = flips[-1].time_s - flips[0].time_s, len(flips) - 1
    hz = sum(flip.n_frames for flip in flips[1:]) / seconds if seconds else wanted_hz
    counted = f"{hz:.2f} Hz, counted by {_COUNTER[facts.frame_counter]}"
    found = f"{n_long} of {n:,} intervals longer than a frame in {seconds:.1f} s; {counted}"
    if n_long / n > MOST_LONG_FRACTION:
        return fail(
            f"expected every interval to be one frame, found {found}",
            "Close other programs and desktop effects, and turn vertical sync on.",
        )
    if facts.pacing == "timer":
        return warn(
            f"flips do not wait for a screen (no vertical blank): a timer paces them; {found}",
            "Good for a rehearsal; record on a real screen.",
        )
    if n_long:
        return warn(found, "Each costs a presentation, shown again: close other programs.")
    return Finding("", "PASS", found)


_COUNTER = {"oml": "the driver", "timer": "time", "virtual": "the virtual clock"}


def grey(at: Inspection) -> str | Finding | None:
    """Compare the background, as read back, with the planned level."""
    if at.display is None or at.display.facts.grey_level is None:
        return None
    wanted, found = at.known_session().document.screen.grey_level, at.display.facts.grey_level
    if found == wanted:
        return f"level {found}, as read back"
    return fail(f"expected a background of {wanted}, found {found}", "Update the graphics driver.")


def gamma(at: Inspection) -> str | Finding | None:
    """Ask what the graphics card does to pixels after they are drawn."""
    if at.display is None or at.display.facts.gamma == "none":
        return None
    if at.display.facts.gamma == "not readable":
        return warn("the gamma ramp cannot be read here", "Measure the screen's luminance by hand.")
    if at.display.facts.gamma == "not identity":
        return fail(
            "expected the identity as gamma ramp, found another",
            "Reset it (`xgamma -gamma 1` on Linux): a crashed program leaves its ramp behind.",
        )
    return f"the gamma ramp is the {at.display.facts.gamma}"


def window(at: Inspection) -> str | Finding | None:
    """Ask whether the window is on its screen, on top and focused."""
    if at.display is None or at.launch.display == "headless":
        return None
    wrong = at.display.health()
    if not wrong:
        return "on its screen, on top and focused"
    return unless_simulated(
        f"expected a window that the animal sees, found it {', '.join(wrong)}",
        "Close what covers it, click into it, and check again.",
        simulated=at.simulated and at.rig is None,
    )


def priority(at: Inspection) -> str | Finding | None:
    """Ask whether the system runs the rig before other programs."""
    if at.display is None or at.launch.display == "headless":
        return None
    if at.display.facts.priority:
        return "the system runs the rig before other programs"
    fix = "Allow real-time priority (rtprio in /etc/security/limits.conf on Linux)."
    return warn("other programs may delay a frame", fix)
