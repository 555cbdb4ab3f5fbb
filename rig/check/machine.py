"""Checks of the computer: room on its disks, its clock, its screens; and of what was measured by hand, and when."""

from __future__ import annotations

import datetime
import shutil
import time
from pathlib import Path

from closedloop.artifacts.day.gaze.layout import RECORD
from closedloop.artifacts.day.journal import accepted, read_journal
from closedloop.errors import RigError
from rig.check.findings import Finding, fail, warn
from rig.check.folder import least_duration_s
from rig.check.gaze_map import judge_gaze_map
from rig.check.inspection import Inspection
from rig.ports.system_clock import ClockStatus, ask_kernel
from rig.session.checks import check_writable, journal_bytes
from rig.session.foreign import JOURNAL_NAME, refuse_foreign_launches, refuse_foreign_out
from rig.session.hold import hold, hold_screen, new_holder, session_name

LEAST_GB_PER_H = 1.0
"""Spikes and field potentials of an array."""

RAW_GB_PER_H = 28.0
"""128 channels of two bytes at 30 kHz."""

FASTEST_HZ = 2_000.0
"""Samples a second of the fastest trackers."""

_TRACKER_FILE_BYTES = 30  # of a sample of both eyes in EyeLink's file
_SPARE = 2.0  # trials that are broken or ignored take as long again
_LARGEST_STEP_MS = 20.0
_OLD_GAZE_DAYS, _OLD_VALVE_DAYS = 1, 365


def out(at: Inspection) -> str:
    """Write into the folder of the journal, and leave nothing."""
    return f"{check_writable(at.launch.out)} can be written"


def journal(at: Inspection) -> str | None:
    """Ask whether the folder of the journal holds another session's; `rig present` asks it before everything else."""
    if not at.only_checks:
        return None
    opened, path = at.known_session(), at.launch.out / JOURNAL_NAME
    refuse_foreign_out(opened, at.launch.out)
    if not path.exists():
        return f"none yet at {at.launch.out}"
    older = read_journal(path)
    refuse_foreign_launches(opened, older.launches, path)
    at.launches = older.launches
    n_accepted = len(accepted(older.rows))
    return f"{n_accepted:,} of {len(opened.planned):,} presentations accepted at {path}: `rig present` needs --resume"


def other_rigs(at: Inspection) -> str | None:
    """Hold session and screen until the check is over: a window of ours would cover a session that is being shown."""
    if not at.only_checks:
        return None
    opened, out_folder, is_real = at.known_session(), at.launch.out, at.launch.display != "headless"
    at.is_screen_free = False
    holder = new_holder(opened.document.session_id, out_folder)
    at.stack.enter_context(hold(session_name(opened, is_real=is_real), holder, patience_s=0.0))
    if is_real:
        at.stack.enter_context(hold_screen(opened, out_folder))
    at.is_screen_free = True
    return "none at work on this session or its screen"


def disk(at: Inspection) -> str | Finding:
    """Ask whether the journal has room, and the gaze samples beside it."""
    place, needed, what = _existing(at.launch.out), journal_bytes(at.known_session()), "the journal"
    if at.launch.display != "headless" and _has_eye(at):
        needed += gaze_bytes(hours=_SPARE * least_duration_s(at.known_session()) / 3600)
        what = "the journal and gaze samples"
    free = shutil.disk_usage(place).free
    if free < needed:
        return fail(
            f"{place}: expected {needed / 1e6:.1f} MB free for {what}, found {free / 1e6:.1f} MB",
            "Free some space, or choose another --out.",
        )
    return f"{free / 1e6:,.0f} MB free at {place}, {needed / 1e6:.1f} MB needed for {what}"


def gaze_bytes(*, hours: float) -> float:
    """Return how much room gaze samples and a tracker's own file take, of the fastest trackers."""
    return 3600 * hours * FASTEST_HZ * (RECORD.size + _TRACKER_FILE_BYTES)


def _has_eye(at: Inspection) -> bool:
    if at.launch.is_rehearsal:
        return False
    if at.document is None:
        return at.launch.gaze != "scripted"
    return at.document.gaze.source not in ("scripted", "none")


def recording_disk(at: Inspection) -> str | Finding | None:
    """Ask whether the recording has room."""
    if at.rig is None or at.rig.document.recorder.kind == "none":
        return None
    folder = at.rig.document.recorder.folder
    if folder is None:
        return warn(
            "nobody said where the recorder's files grow: whether they have room cannot be seen from here",
            "Set recorder.folder in rig.yaml if this computer sees it, or look at the recorder.",
        )
    if not folder.is_dir():
        raise RigError(
            f"{at.rig.path}: expected the recorder's folder, found no {folder}. Mount it, or correct recorder.folder."
        )
    return judge_room(
        shutil.disk_usage(folder).free / 1e9, hours=least_duration_s(at.known_session()) / 3600, at=folder
    )


def judge_room(free_gb: float, *, hours: float, at: Path) -> str | Finding:
    """Say whether a recording of a session has room.

    Parameters
    ----------
    free_gb
        Free, in GB of 10^9 bytes.
    hours
        How long the session takes.
    at
        The recorder's folder.
    """
    least_gb, raw_gb = LEAST_GB_PER_H * hours, RAW_GB_PER_H * hours
    if free_gb < least_gb:
        return fail(
            f"{at}: expected {least_gb:.1f} GB free for the spikes of {hours:.1f} h, found {free_gb:.1f} GB",
            "Free some space, or record to another disk.",
        )
    if free_gb < raw_gb:
        return warn(
            f"{free_gb:.1f} GB free at {at}: enough for spikes, not for {hours:.1f} h of 128 raw channels "
            f"({raw_gb:.0f} GB)",
            "Free some space if raw voltage is recorded.",
        )
    return f"{free_gb:,.0f} GB free at {at}, {raw_gb:.1f} GB needed with 128 raw channels"


def gaze_calibration(at: Inspection) -> str | Finding | None:
    """Ask how old the calibration of gaze is, how well it fits, and whether it is of this tracker and this screen."""
    if at.document is None or at.document.gaze.source in ("scripted", "none"):
        return None
    age = judge_calibration(at.document.calibrations.gaze, at.today, most_days=_OLD_GAZE_DAYS, key="gaze")
    return judge_gaze_map(at.document, age)


def reward_calibration(at: Inspection) -> str | Finding | None:
    """Ask how old the calibration of the valve is."""
    if at.document is None or at.document.reward.device == "none":
        return None
    found = at.document.calibrations
    judged = judge_calibration(found.reward, at.today, most_days=_OLD_VALVE_DAYS, key="reward")
    if isinstance(judged, Finding) or found.valve is None:
        return judged
    asked_ms = at.known_session().document.trial.reward_ms
    ml = found.valve.ml(asked_ms)
    if ml is None:
        return warn(
            f"{judged}; measured from {found.valve.shortest_ms:g} to {found.valve.longest_ms:g} ms, and the session's "
            f"rewards have {asked_ms:g} ms",
            "Weigh that length too: rig calibrate valve.",
        )
    return f"{judged}; a reward of {asked_ms:g} ms is {ml:.3f} ml"


_COMMANDS = {
    "gaze": "rig calibrate gaze",
    "reward": "rig calibrate valve",
    "luminance": "rig calibrate gamma",
    "photodiode": "rig calibrate photodiode",
}


def judge_calibration(when: datetime.date | None, today: datetime.date, *, most_days: int, key: str) -> str | Finding:
    """Say whether a calibration is old.

    Parameters
    ----------
    when
        Its date, or None.
    today
        The date of the session.
    most_days
        From when on it is old.
    key
        Its name in rig.yaml.
    """
    again = f"Measure it: {_COMMANDS[key]}."
    if when is None:
        return warn("rig.yaml does not say when this was measured", again)
    days = (today - when).days
    if days < 0:
        return fail(
            f"expected a date in the past, found {when} on {today}",
            f"Correct calibrations.{key}, or the system's clock.",
        )
    said = f"of {when}, {'today' if days == 0 else f'{days} days old' if days > 1 else '1 day old'}"
    return said if days < most_days else warn(said, again)


def clock(at: Inspection) -> str | Finding | None:
    """Ask whether the system's clock is set by a better one, and whether it ran like the monotonic one since."""
    if at.launch.display == "headless":
        return None
    step_ms = 1000.0 * abs(time.time() - time.monotonic() - at.wall_s)
    return judge_clock(ask_kernel(), step_ms=step_ms, watched_s=time.monotonic() - at.began_s)


def judge_clock(status: ClockStatus | None, *, step_ms: float, watched_s: float) -> str | Finding:
    """Say what is doubtful about the system's clock; the session itself is timed by the monotonic one.

    Parameters
    ----------
    status
        What the kernel says, or None where it cannot be asked.
    step_ms
        How far it moved against the monotonic clock.
    watched_s
        In which time.
    """
    fix = "Turn time synchronisation on (`timedatectl set-ntp true` on Linux), and wait until it says yes."
    if step_ms > _LARGEST_STEP_MS:
        return warn(f"the system's clock was moved by {step_ms:.0f} ms within {watched_s:.0f} s", fix)
    if status is None:
        return warn("whether the system's clock is synchronised cannot be asked here", fix)
    if not status.is_synchronised:
        return warn("nothing sets the system's clock: the journal's dates may be wrong", fix)
    return f"synchronised to within {status.error_ms:.1f} ms, by the kernel's estimate; no step in {watched_s:.0f} s"


def _existing(out_folder: Path) -> Path:
    return next(parent for parent in (out_folder, *out_folder.absolute().parents) if parent.exists())
