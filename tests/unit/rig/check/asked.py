"""A rig's checks asked of a session, and a rig's description that fits it."""

from __future__ import annotations

from rig.apparatus import Launch
from rig.check.run import run_checks
from rig.check.table import CHECKS
from rig.launch import run_launch
from rig.stop import StopRequest

PLAUSIBLE = {"cm_per_px": 0.5}  # 16 pixels are 8 degrees from 57.2 cm
WIRED = """
name: rig 2
subject_screen: {screen: 0, width_px: 320, height_px: 240, refresh_hz: 59.94, width_cm: 160, distance_cm: 57.2}
operator_screen: null
photodiode: {corner: upper_right, side_px: 20}
codes: {transport: none}
gaze: {source: scripted}
reward: {device: none}
recorder: {kind: none}
"""


def findings(folder, tmp_path, **options):
    launch = Launch(session=folder, out=tmp_path / "present", display="headless", **options)
    return {one.name: one for one in run_checks(launch)}


def present(folder, out, **options):
    launch = Launch(session=folder, out=out, display="headless", **options)
    return run_launch(launch, stop=StopRequest(), on_trial=lambda _state, _time_s: None)


def row(name):
    return next(one for one in CHECKS if one.name == name)
