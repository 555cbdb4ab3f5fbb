"""The check's row on the calibration of gaze: its age, its error, and whose it is."""

from __future__ import annotations

import datetime

import pytest

from closedloop.artifacts.rig.calibrations import Calibrations, GazeFit, GazeMap
from closedloop.artifacts.rig.description import RigDocument
from closedloop.artifacts.rig.template import EXAMPLE
from rig.check.findings import Finding, warn
from rig.check.gaze_map import judge_gaze_map

FIT = GazeFit(
    source="mouse", error_deg=0.21, worst_deg=0.4, n_points=9, is_validated=True, distance_cm=86.8, width_cm=52
)
OLD = warn("of 2026-11-20, 8 days old", "Measure it.")


def rig(fit: GazeFit | None = FIT, **screen) -> RigDocument:
    calibrations = Calibrations(
        gaze=datetime.date(2026, 11, 28), gaze_map=GazeMap(x_deg=(0, 1, 0), y_deg=(0, 0, 1)), gaze_fit=fit
    )
    return EXAMPLE.model_copy(
        update={
            "calibrations": calibrations,
            "subject_screen": EXAMPLE.subject_screen.model_copy(update=screen),
        }
    )


def test_a_map_of_this_rig_passes_with_its_error() -> None:
    said = judge_gaze_map(rig(), "of 2026-11-28, today")
    assert said == "of 2026-11-28, today: error 0.21 deg (median), 0.40 deg (largest), from 9 points"
    assert judge_gaze_map(rig(None), "of 2026-11-28, today") == "of 2026-11-28, today"
    noted = FIT.model_copy(update={"values": "eye null, unit null, channels null"})
    assert judge_gaze_map(rig(noted), "of 2026-11-28, today") == said


def test_an_old_one_is_still_a_warning_and_one_of_the_future_a_failure() -> None:
    found = judge_gaze_map(rig(), OLD)
    assert isinstance(found, Finding)
    assert (found.status, found.fix) == ("WARN", OLD.fix)
    assert found.found.startswith("of 2026-11-20, 8 days old: error 0.21 deg")
    future = Finding("", "FAIL", "expected a date in the past", "Correct it.")
    assert judge_gaze_map(rig(), future) is future


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"worst_deg": 1.2}, "1.20 deg (largest), from 9 points, more than 1 deg"),
        ({"is_validated": False}, "from 9 points, and no other points were shown"),
    ],
)
def test_a_map_that_fits_badly_or_was_not_tried_is_a_warning(changes, said) -> None:
    found = judge_gaze_map(rig(FIT.model_copy(update=changes)), "of 2026-11-28, today")
    assert isinstance(found, Finding)
    assert found.status == "WARN"
    assert said in found.found
    assert "rig calibrate gaze" in found.fix


@pytest.mark.parametrize(
    ("fit", "screen", "said"),
    [
        ({"source": "eyelink"}, {}, "by eyelink, and gaze.source is mouse"),
        ({"address": "Pupil"}, {}, "by mouse at Pupil, and gaze.address is null"),
        (
            {"values": "eye left, unit px, channels null"},
            {},
            "of eye left, unit px, channels null, and gaze now has eye null, unit null, channels null",
        ),
        ({}, {"distance_cm": 60.0}, "seen from 86.8 cm, and rig.yaml now says 60 cm"),
        ({}, {"width_cm": 60.0}, "on a picture of 52 cm, and rig.yaml now says 60 cm"),
    ],
)
def test_a_map_of_another_tracker_or_screen_fails(fit, screen, said) -> None:
    for age in ("of 2026-11-28, today", OLD):
        found = judge_gaze_map(rig(FIT.model_copy(update=fit), **screen), age)
        assert isinstance(found, Finding)
        assert (found.status, said in found.found) == ("FAIL", True)


def test_what_a_ruler_does_not_tell_is_the_same_screen() -> None:
    assert isinstance(judge_gaze_map(rig(distance_cm=86.5, width_cm=52.1), "of 2026-11-28, today"), str)
