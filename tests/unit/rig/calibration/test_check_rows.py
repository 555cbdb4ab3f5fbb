"""What `rig check` says of what was measured: how old it is, and whether it is as it should be."""

from __future__ import annotations

import datetime
import itertools

import pytest

from closedloop.artifacts.rig.calibrations import Calibrations, LightDelay, ScreenGamma, ValveVolume
from closedloop.artifacts.rig.ports import RewardPort
from closedloop.artifacts.rig.template import EXAMPLE
from rig.apparatus import DescribedRig, Launch
from rig.check.inspection import Inspection
from rig.check.table import CHECKS, look
from rig.session.folder import open_session

TODAY = datetime.date(2026, 11, 28)
YESTERDAY = datetime.date(2026, 11, 27)
LONG_AGO = datetime.date(2025, 11, 27)
GAMMA = ScreenGamma(gamma=2.2, darkest_cd_m2=0.4, brightest_cd_m2=120.0, worst_error=0.01, n_levels=11)
LIGHT = LightDelay(latency_ms=27.25, jitter_ms=0.31, n_flashes=198)
VALVE = ValveVolume(
    ml_per_ms=0.004,
    ml_at_zero=-0.02,
    ml_per_ms_error=1e-5,
    ml_at_zero_error=1e-3,
    shortest_ms=25.0,
    longest_ms=200.0,
)


@pytest.fixture
def row(make_session, tmp_path):
    numbers = itertools.count()

    def said(name, *, reward_ms=80.0, **measured):
        folder = make_session(f"schedule-{next(numbers)}", trial={"reward_ms": reward_ms})
        launch = Launch(session=folder, out=tmp_path / "o", display="psychopy", rig=tmp_path / "rig.yaml")
        at = Inspection(launch, session=open_session(folder), today=TODAY)
        update = {
            "calibrations": Calibrations(**measured),
            "reward": RewardPort(device="microcontroller", address="/dev/ttyACM0"),
        }
        at.rig = DescribedRig(tmp_path / "rig.yaml", EXAMPLE.model_copy(update=update), "0" * 64)
        return look(next(row for row in CHECKS if row.name == name), at)

    return said


@pytest.mark.parametrize(
    ("name", "key", "command"),
    [
        ("luminance", "luminance", "rig calibrate gamma"),
        ("light", "photodiode", "rig calibrate photodiode"),
        ("reward-calibration", "reward", "rig calibrate valve"),
    ],
)
def test_what_was_measured_long_ago_warns_and_names_the_command(row, name, key, command):
    old = row(name, **{key: LONG_AGO})
    assert (old.status, old.found) == ("WARN", "of 2025-11-27, 366 days old")
    assert old.fix == f"Measure it: {command}."


@pytest.mark.parametrize("name", ["luminance", "light", "reward-calibration"])
def test_what_was_never_measured_warns(row, name):
    found = row(name)
    assert (found.status, found.found) == ("WARN", "rig.yaml does not say when this was measured")


def test_a_date_in_the_future_fails(row):
    assert row("light", photodiode=datetime.date(2026, 11, 29)).status == "FAIL"


def test_a_good_screen_is_said_in_numbers(row):
    found = row("luminance", luminance=YESTERDAY, gamma=GAMMA)
    assert (found.status, found.found) == ("PASS", "of 2026-11-27, 1 day old; gamma 2.20, 0.4 to 120 cd/m2")


@pytest.mark.parametrize(
    ("change", "found", "fix"),
    [
        ({"gamma": 1.79}, "gamma 1.79, where images are made for 2.2", "Set it in the screen's own menu (sRGB)"),
        ({"worst_error": 0.08}, "8 % of the brightest off the power law", "Turn the screen's contrast enhancement"),
    ],
)
def test_a_screen_that_is_not_as_images_are_made_for_warns(row, change, found, fix):
    said = row("luminance", luminance=YESTERDAY, gamma=GAMMA.model_copy(update=change))
    assert (said.name, said.status) == ("luminance", "WARN")
    assert found in said.found
    assert said.fix.startswith(fix)


def test_light_is_said_in_numbers_and_jitter_warns(row):
    found = row("light", photodiode=YESTERDAY, light=LIGHT)
    assert (found.status, found.found) == (
        "PASS",
        "of 2026-11-27, 1 day old; light 27.2 ms after a flip, SD 0.31 ms",
    )
    assert row("light", photodiode=YESTERDAY, light=LIGHT.model_copy(update={"jitter_ms": 2.1})).status == "WARN"


def test_a_reward_is_said_in_ml_where_its_length_was_weighed(row):
    found = row("reward-calibration", reward=YESTERDAY, valve=VALVE)
    assert (found.status, found.found) == ("PASS", "of 2026-11-27, 1 day old; a reward of 80 ms is 0.300 ml")


def test_a_reward_of_a_length_that_was_not_weighed_warns(row):
    found = row("reward-calibration", reward=YESTERDAY, valve=VALVE, reward_ms=250.0)
    assert found.status == "WARN"
    assert "measured from 25 to 200 ms, and the session's rewards have 250 ms" in found.found


def test_a_rig_without_photodiode_has_no_row_of_light(make_session, tmp_path):
    folder = make_session()
    at = Inspection(Launch(session=folder, out=tmp_path, display="psychopy"), session=open_session(folder))
    at.rig = DescribedRig(tmp_path / "rig.yaml", EXAMPLE.model_copy(update={"photodiode": None}), "0" * 64)
    assert look(next(row for row in CHECKS if row.name == "light"), at) is None
