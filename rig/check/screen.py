"""Checks of the display on which the session will be shown: it is opened, and watched for ten seconds."""

from __future__ import annotations

from collections.abc import Sequence

from closedloop.artifacts.rig.description import RigDocument
from closedloop.errors import SessionError
from rig.apparatus import open_audit, open_display
from rig.check.findings import Finding, fail, failure, unless_simulated, warn
from rig.check.folder import MOST_DIFFERENCE
from rig.check.inspection import FULL_REFRESH_S, Inspection
from rig.display.desktop import open_desktop
from rig.display.display import BLANK, DisplayFacts, Picture
from rig.display.pacing import measure_evenness, refuse_uneven
from rig.display.pixel_audit import PixelAuditor
from rig.display.screens import FoundScreen, choose_screen
from rig.machine.device_faults import close_device
from rig.operator.opening import has_tkinter

_N_READ_BACK = 3  # images


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
    if chosen.scale is None and at.rig is not None:
        return warn(f"{said}; whether it is scaled cannot be seen here", "See that the desktop's scaling is at 100 %.")
    return said


def operator_window(at: Inspection) -> str | Finding | None:
    """Ask whether the operator's window can open; without one a page fills the terminal."""
    if at.launch.display == "headless" or at.document is None:
        return None
    if not at.only_checks and at.launch.panel.kind != "window":  # the operator chose another
        return None
    try:
        found = at.list_screens()
    except SessionError:  # said of the animal's screen
        return None
    return judge_operator_window(at.document, found, has_tkinter=has_tkinter())


def judge_operator_window(rig: RigDocument, found: Sequence[FoundScreen], *, has_tkinter: bool) -> str | Finding:
    """Say whether there are the screen and the library for the operator's window.

    Parameters
    ----------
    rig
        Names the screen, or none.
    found
        The desktop's screens.
    has_tkinter
        Whether this Python can draw windows.
    """
    screen = rig.operator_screen.screen if rig.operator_screen is not None else None
    others = ", ".join(str(one.number) for one in found if one.number != rig.subject_screen.screen)
    page = "or watch the page in the terminal (`--panel terminal`)"
    if screen is None and others:
        return warn(
            f"rig.yaml names no screen for you, beside the animal's there is {others}", f"Set operator_screen, {page}."
        )
    if screen is None:
        return warn("no screen but the animal's", f"Connect one for you and set operator_screen, {page}.")
    if not has_tkinter:
        return fail(
            f"expected tkinter for your window on screen {screen}, found a Python without it",
            f"Install it (Debian: `apt install python3-tk`), {page}.",
        )
    place = next((one.place for one in found if one.number == screen), None)
    if place is None:
        return fail(
            f"expected screen {screen} for your window, found {others or 'none'} beside the animal's",
            f"Connect it, correct operator_screen in rig.yaml, {page}.",
        )
    return f"screen {screen}, {place}, drawn by Tk"


def display(at: Inspection) -> str | Finding:
    """Open the display."""
    headless = at.launch.display == "headless"
    if headless and not at.simulated:
        raise SessionError(
            "display: expected a screen for a session with an animal, found headless. Pass --display psychopy."
        )
    if not at.is_screen_free:
        raise SessionError("display: expected a screen that no other rig uses, found one in use. See other-rigs.")
    opened = at.known_session()
    at.auditor = PixelAuditor(opened, _N_READ_BACK) if at.only_checks else open_audit(opened, at.launch)
    at.display = open_display(opened, at.document, at.launch, start_s=at.start_s, stop=at.stop, auditor=at.auditor)
    at.stack.callback(close_device, "display", at.display.close)
    facts = at.display.facts
    if headless:
        return "headless: a virtual clock, nothing is shown"
    return f"{facts.width_px} x {facts.height_px}, {facts.renderer}"


def refresh(at: Inspection) -> str | Finding | None:
    """Flip for ten seconds, and see how evenly flips come."""
    if at.display is None or at.launch.display == "headless":
        return None
    shown, times_s = at.display, list[float]()
    for _ in range(round(at.refresh_s * shown.refresh_hz) + 1):
        if at.stop.requested:
            return warn("the display was not watched for long enough: the check was stopped", "Check again.")
        times_s.append(shown.flip(BLANK).time_s)
    wanted_hz = at.known_session().document.screen.refresh_hz
    if at.refresh_s < FULL_REFRESH_S:
        evenness = measure_evenness(times_s, refresh_hz=wanted_hz)
        return warn(
            f"watched for a moment, as nobody depends on a simulated session: {evenness.words}",
            "`rig check` watches for ten seconds.",
        )
    found = judge_refresh(times_s, shown.facts, wanted_hz=wanted_hz)
    if found.status == "FAIL" and at.simulated and at.rig is None:
        return warn(found.found, found.fix)
    return found


def judge_refresh(times_s: Sequence[float], facts: DisplayFacts, *, wanted_hz: float) -> Finding:
    """Say whether flips come frame by frame.

    Parameters
    ----------
    times_s
        Of flips, one after the other, without anything in between.
    facts
        Who paces them, and what counts frames.
    wanted_hz
        Frames per second that the session was planned for.
    """
    evenness = measure_evenness(times_s, refresh_hz=wanted_hz)
    try:
        refuse_uneven(evenness, refresh_hz=wanted_hz)
    except SessionError as error:
        return failure("refresh", error)
    found = f"{evenness.words}; {_COUNTER[facts.frame_counter]} counts frames"
    if facts.pacing == "timer":
        return warn(
            f"flips do not wait for a screen (no vertical blank), a timer paces them: {found}",
            "Good for a rehearsal; record on a real screen.",
        )
    if evenness.n_long:
        return warn(found, "Each costs a presentation, which is shown again: close other programs.")
    return Finding("", "PASS", found)


_COUNTER = {"oml": "the driver", "timer": "the time", "virtual": "the virtual clock"}


def pixels(at: Inspection) -> str | Finding | None:
    """Show a few images and compare what is on the screen with their bytes; not once an animal looks."""
    if at.display is None or at.auditor is None or not at.only_checks or at.launch.display == "headless":
        return None
    opened = at.known_session()
    n_slots = min(_N_READ_BACK, opened.document.trial.presentations_per_trial, len(opened.images))
    at.display.prepare(range(n_slots))
    for slot in range(n_slots):
        at.display.flip(Picture(slot=slot, fixation=True))
        at.display.flip(BLANK)
    at.auditor.compare()
    report = at.auditor.report()
    found = f"{report.n_images} images, {report.n_pixels:,} pixels equal to their bytes"
    if at.display.facts.read_back == "screen":
        return f"{found}, read back from the screen"
    return warn(
        f"{found}, in the buffer: the screen itself cannot be read back here",
        "See that nothing lies over the image; a photometer tells what the screen makes of it.",
    )


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
    left = "; ".join(f"put right: {one}" for one in at.display.facts.made_good)
    return f"the gamma ramp is the {at.display.facts.gamma}{f' ({left})' if left else ''}"


def window(at: Inspection) -> str | Finding | None:
    """Ask whether the window is on its screen, on top and focused."""
    if at.display is None or at.launch.display == "headless":
        return None
    if not at.display.facts.is_watched:
        return warn(
            "what lies over the window cannot be seen on this system",
            "Close every other window of that screen, and leave the mouse and the keyboard alone.",
        )
    wrong = at.display.health()
    if not wrong and at.display.facts.has_compositor:
        return warn(
            "on its screen, on top and focused; the desktop draws windows anew (effects) and shows them when it likes",
            "Turn the desktop's effects (its compositor) off: pictures may come frames late, and no flip tells.",
        )
    if not wrong:
        return "on its screen, on top and focused"
    return unless_simulated(
        f"expected a window that the animal sees, found it {', '.join(wrong)}",
        "Close what covers it, click into it, and check again.",
        simulated=at.simulated and at.rig is None,
    )


def screen_saver(at: Inspection) -> str | Finding | None:
    """Ask whether something would blank the screen; the display turned it off as it opened."""
    if at.display is None or at.launch.display == "headless":
        return None
    desktop = open_desktop()
    if desktop is None:
        return warn("whether the screen goes to sleep cannot be asked here", "Turn screen saver and energy saving off.")
    try:
        was_on_again = desktop.keep_awake()
    finally:
        desktop.close()
    if was_on_again:
        return warn("another program turned it on again; it is off now", "Turn the desktop's own screen saver off.")
    return "off, as the screen's sleep is; both as they were when the session ends"


def priority(at: Inspection) -> str | Finding | None:
    """Ask whether the system runs the rig before other programs."""
    if at.display is None or at.launch.display == "headless":
        return None
    if at.display.facts.priority:
        return "the system runs the rig before other programs"
    fix = "Allow real-time priority (rtprio in /etc/security/limits.conf on Linux)."
    return warn("other programs may delay a frame", fix)
