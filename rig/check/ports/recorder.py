"""Whether somebody records."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from closedloop.artifacts.rig.ports import RecorderPort
from closedloop.errors import ClosedLoopError, DeviceError
from rig.apparatus import DescribedRig
from rig.check.findings import Finding, failure, unless_simulated, warn
from rig.check.inspection import Inspection
from rig.check.ports.described import DESCRIBE, UNDESCRIBED
from rig.display.display import BLANK
from rig.machine.between.recordings import RecordingPlan
from rig.machine.device_faults import close_device, device_fault
from rig.ports.recorders.blackrock import BlackrockRecorder
from rig.ports.recorders.growth import growing, sizes_of
from rig.ports.recorders.names import Names
from rig.ports.recorders.port import AskedRecorder, NoRecorder, Recorder, RecordingSeen, checked_comment
from rig.wiring.recorder import open_recorder

_LEAST_WATCHED_S: Final = 5.0  # a recorder writes more often than that
_NAME: Final = "recorder"
_NO_SESSION: Final = "rig-check"
"""In the place of a session's name: what a check records is nobody's data."""


def opened_recorder(at: Inspection) -> Recorder:
    """Open who records, once; one that fails is told of by its own check, and nobody records in its place."""
    if at.recorder is None:
        try:
            at.recorder = open_recorder(at.document, at.launch, is_attended=_is_attended(at))
        except DeviceError as error:
            at.recorder, at.recorder_fault = NoRecorder(), error
        at.stack.callback(close_device, _NAME, at.recorder.close)
    return at.recorder


def _is_attended(at: Inspection) -> bool:
    """Return whether an operator can be asked something: one who watches, or who typed the command in a terminal."""
    return not at.only_checks and (at.launch.panel.kind != "none" or (sys.stdin is not None and sys.stdin.isatty()))


def recorder(at: Inspection) -> str | Finding | None:
    """Ask whether somebody records; looked at late, so that a recording had time to grow."""
    if at.rig is None:
        return None if at.simulated else warn(UNDESCRIBED, DESCRIBE)
    return _described(at, at.rig)


def _described(at: Inspection, rig: DescribedRig) -> str | Finding | None:
    described, opened = rig.document.recorder, opened_recorder(at)
    if at.recorder_fault is not None:
        return _as_simulated(failure(_NAME, at.recorder_fault), simulated=at.simulated)
    if isinstance(opened, BlackrockRecorder):
        return _blackrock(at, opened)
    if isinstance(opened, AskedRecorder):
        return None  # it is asked for as the session begins
    match described.kind:
        case "none":
            found, fix = f"expected a recorder, found none in {rig.path}", "Set recorder.kind in rig.yaml."
            return unless_simulated(found, fix, simulated=at.simulated)
        case "by_hand":
            return _by_hand(at, described)
        case "blackrock":
            return warn(
                "not looked at: neither a rehearsal nor what has no screen is recorded",
                "Run `rig check` with the screen, which looks at it.",
            )


def _blackrock(at: Inspection, opened: BlackrockRecorder) -> str | Finding | None:
    """Ask for packets; `rig check` has some seconds recorded too, and `rig present` begins with the session's own."""
    if not at.only_checks:
        return None
    try:
        checked_comment(at.known_session().document.session_id)
        seen = opened.start(_names(at, _NO_SESSION).take(1, datetime.now()), lambda: _idle(at))
        ended = opened.stop(lambda: _idle(at))
    except ClosedLoopError as error:
        return failure(_NAME, error)
    doubt = seen.doubt or ended.doubt
    if doubt:
        return replace(failure(_NAME, DeviceError(doubt)), status="WARN")
    return f"{seen.words}; {ended.words}"


def _idle(at: Inspection) -> None:
    if at.display is not None:
        at.display.flip(BLANK)
    else:
        time.sleep(0.01)


def _names(at: Inspection, session_id: str) -> Names:
    pattern = at.document.recorder.file if at.document is not None else None
    launch = len(at.launches)
    return Names(session_id, launch, pattern) if pattern is not None else Names(session_id, launch)


def begin_recording(at: Inspection) -> tuple[RecordingPlan | None, Sequence[Finding]]:
    """Have the session recorded, as the last thing before it begins.

    Returns
    -------
    RecordingPlan or None, list of Finding
        How it goes on, None where nobody is told; and what was found, which may stand against the session.
    """
    opened = opened_recorder(at)
    if at.document is None or not opened.is_told:
        return None, ()
    names, port = _names(at, at.known_session().document.session_id), at.document.recorder
    plan = RecordingPlan(names, port.split_minutes, port.split_presentations)
    if isinstance(opened, AskedRecorder):
        return plan, ()
    try:
        seen = opened.start(names.take(1, datetime.now()), lambda: _idle(at))
    except Exception as error:  # noqa: BLE001 - whatever a driver raises
        found = failure(_NAME, device_fault(_NAME, error))
        # Who overrides it does without a recorder: one that is silent would pause the session again and again.
        close_device(_NAME, opened.close)
        at.recorder = NoRecorder()
        return None, [replace(_as_simulated(found, simulated=at.simulated), can_be_overridden=True)]
    return replace(plan, begun=seen), [_finding(seen)]


def _finding(seen: RecordingSeen) -> Finding:
    if seen.doubt:
        return replace(failure(_NAME, DeviceError(seen.doubt)), status="WARN")
    return Finding(_NAME, "PASS", seen.words)


def _as_simulated(found: Finding, *, simulated: bool) -> Finding:
    return replace(found, status="WARN") if simulated else found


def _by_hand(at: Inspection, described: RecorderPort) -> str | Finding:
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
