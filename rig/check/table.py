"""The one table of checks: what `rig check` prints, and what `rig present` refuses by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from closedloop.errors import ClosedLoopError
from closedloop.plain_text.suggestions import one_of
from rig.check import folder, light, machine, screen
from rig.check.findings import Finding, failure
from rig.check.inspection import Inspection
from rig.check.ports import codes, gaze, recorder, reward
from rig.machine.device_faults import device_fault

LookAt = Callable[[Inspection], str | Finding | None]
"""Looks at one thing: a sentence is a PASS, an error a FAIL that nobody can override, None is nothing to look at."""


@dataclass(frozen=True)
class CheckRow:
    """One check.

    Attributes
    ----------
    name
        What it is called in the table, in the journal and by `--despite`.
    look
        Does it.
    asks
        What it asks, in a few words.
    can_be_overridden
        Whether a session may be shown although it failed. What cannot be overridden would be no session.
    is_for_recordings
        Whether a training, of which nothing is recorded, goes without it.
    """

    name: str
    look: LookAt
    asks: str
    can_be_overridden: bool = False
    is_for_recordings: bool = False


BEFORE: tuple[CheckRow, ...] = (
    CheckRow("seal", folder.seal, "is every byte as it was sealed"),
    CheckRow("session", folder.session, "do the files belong together"),
    CheckRow("images", folder.images, "is every image the one that was planned"),
    CheckRow("held", folder.held, "does nothing hold the session in its study"),
    CheckRow("rig", folder.rig, "is this rig described, with a screen as the session was planned for"),
    CheckRow("timing", folder.timing, "are images up for whole frames", is_for_recordings=True),
    CheckRow("layout", folder.layout, "do image, photodiode patch and fixation point fit in whole pixels"),
    CheckRow("duration", folder.duration, "can the session be shown in a day"),
    CheckRow("pixel-size", folder.pixel_size, "are the screen's pixels as large as planned", can_be_overridden=True),
    CheckRow("distance", folder.distance, "is the eye where the image has its angle", can_be_overridden=True),
    CheckRow(
        *("photodiode", folder.photodiode, "is there a patch for the photodiode"),
        can_be_overridden=True,
        is_for_recordings=True,
    ),
    CheckRow("out", machine.out, "can the journal be written"),
    CheckRow("journal", machine.journal, "does its folder hold no other session's"),
    CheckRow("other-rigs", machine.other_rigs, "is no other rig at work on the session or its screen"),
    CheckRow("disk", machine.disk, "has the journal room", can_be_overridden=True),
    CheckRow(
        *("recording-disk", machine.recording_disk, "has the recording room"),
        can_be_overridden=True,
        is_for_recordings=True,
    ),
    CheckRow("gaze-calibration", machine.gaze_calibration, "is gaze calibrated today", can_be_overridden=True),
    CheckRow("reward-calibration", machine.reward_calibration, "is the valve calibrated", can_be_overridden=True),
    CheckRow("screens", screen.screens, "has the animal a screen of its own, unscaled, of the planned size"),
    CheckRow("operator-window", screen.operator_window, "can your window open", can_be_overridden=True),
    CheckRow("luminance", light.luminance, "was the screen's luminance measured", can_be_overridden=True),
    CheckRow("light", light.photodiode_calibration, "is light's delay after a flip measured", can_be_overridden=True),
)
"""Nothing is opened for these."""

OPENED: tuple[CheckRow, ...] = (
    CheckRow("same-rig", folder.same_rig, "is it the rig that the session was begun on", can_be_overridden=True),
    CheckRow("codes", codes.codes, "do digital codes reach the recorder", can_be_overridden=True),
    CheckRow("reward", reward.reward, "is the valve there, and closed", can_be_overridden=True),
    CheckRow("display", screen.display, "does the display open"),
    CheckRow("gaze", gaze.gaze, "is the eye tracker there", can_be_overridden=True),
    CheckRow("refresh", screen.refresh, "does every flip last one frame", can_be_overridden=True),
    CheckRow("grey", screen.grey, "is the background the planned level"),
    CheckRow("gamma", screen.gamma, "does the graphics card leave pixels as they are"),
    CheckRow("pixels", screen.pixels, "does the screen show the bytes of the images"),
    CheckRow("window", screen.window, "does the animal see the window", can_be_overridden=True),
    CheckRow("screen-saver", screen.screen_saver, "does the screen stay on", can_be_overridden=True),
    CheckRow("priority", screen.priority, "does the system run the rig first", can_be_overridden=True),
    CheckRow(*("recorder", recorder.recorder, "does somebody record"), can_be_overridden=True, is_for_recordings=True),
    CheckRow("clock", machine.clock, "is the system's clock right", can_be_overridden=True),
)
"""These open ports and display, and leave them open."""

CHECKS = (*BEFORE, *OPENED)


def check_before(at: Inspection) -> list[Finding]:
    """Check what can be checked without opening a port; where there is no session, there is nothing else to check."""
    findings: list[Finding] = []
    for finding in _look_at(BEFORE, at):
        findings.append(finding)
        if finding.name == "session" and at.session is None:
            break
    return findings


def check_opened(at: Inspection) -> list[Finding]:
    """Open ports and display, and check them."""
    return list(_look_at(OPENED, at))


def _look_at(rows: Sequence[CheckRow], at: Inspection) -> Iterator[Finding]:
    for row in rows:
        finding = look(row, at)
        if finding is not None:
            yield finding


def look(row: CheckRow, at: Inspection) -> Finding | None:
    """Do one check.

    Parameters
    ----------
    row
        Of the table.
    at
        What is known so far.

    Returns
    -------
    Finding or None
        None where there is nothing to look at.
    """
    if row.is_for_recordings and at.launch.is_training:
        return None
    try:
        found = row.look(at)
    except ClosedLoopError as error:
        return failure(row.name, error)
    except OSError as error:  # of a driver or a disk, whoever it is
        return failure(row.name, device_fault(row.name, error))
    if found is None:
        return None
    if isinstance(found, str):
        return Finding(row.name, "PASS", found)
    return replace(found, name=row.name, can_be_overridden=row.can_be_overridden)


def overridable(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of checks to be overridden, each once.

    Raises
    ------
    OptionError
        One is no check that can be overridden.
    """
    known = [row.name for row in CHECKS if row.can_be_overridden]
    return tuple(dict.fromkeys(one_of(known, name, option="--despite") for name in names))
