"""The power law of a screen, from readings whose truth is known."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scipy.optimize import curve_fit

from closedloop.errors import RigError
from rig.calibration.gamma import MeasuredLevel, doubts_of_gamma, fit_gamma, read_levels
from rig.calibration.levels import measure_levels
from rig.calibration.patch_session import patch_session
from rig.display.headless import HeadlessDisplay
from rig.ports.clock import VirtualClock

LEVELS = (0, 16, 32, 48, 64, 96, 127, 160, 192, 224, 255)


def readings(gamma, low, high, *, seed=0, noise=0.0, levels=LEVELS):
    draw = random.Random(seed)
    return [
        MeasuredLevel(v, max(0.0, (low + (high - low) * (v / 255) ** gamma) * (1 + draw.gauss(0, noise))))
        for v in levels
    ]


@pytest.mark.parametrize("gamma", [0.9, 1.0, 1.8, 2.2, 2.35, 3.1])
@pytest.mark.parametrize("low", [0.0, 0.35, 2.0])
def test_exact_readings_give_the_law_back(gamma, low):
    found = fit_gamma(readings(gamma, low, 118.0))
    assert found.gamma == pytest.approx(gamma, abs=1e-4)
    assert found.darkest_cd_m2 == pytest.approx(low, abs=1e-3)
    assert found.brightest_cd_m2 == pytest.approx(118.0, abs=1e-3)
    assert found.worst_error < 1e-5


@pytest.mark.parametrize("seed", range(20))
def test_noisy_readings_give_the_law_of_an_independent_solver(seed):
    measured = readings(2.2, 0.4, 120.0, seed=seed, noise=0.01)
    v, y = np.array([(one.level, one.cd_m2) for one in measured]).T
    law = lambda v, low, high, gamma: low + (high - low) * (v / 255) ** gamma  # noqa: E731
    (low, high, gamma), _ = curve_fit(law, v, y, p0=[1, 100, 2], bounds=([0, 0, 0.1], [50, 500, 6]))
    found = fit_gamma(measured)
    assert (found.darkest_cd_m2, found.brightest_cd_m2, found.gamma) == pytest.approx((low, high, gamma), abs=2e-3)
    assert found.gamma == pytest.approx(2.2, abs=0.06)
    assert doubts_of_gamma(measured, found) == []


def test_a_screen_that_is_not_as_images_are_made_for_is_said():
    measured = readings(1.6, 0.4, 120.0)
    (doubt,) = doubts_of_gamma(measured, fit_gamma(measured))
    assert doubt.startswith("gamma 1.60, where images are made for 2.2")


def test_a_screen_that_follows_no_power_law_is_said():
    contrast = [MeasuredLevel(v, 120 / (1 + np.exp(-(v - 127) / 25))) for v in LEVELS]
    assert any("off the power law" in doubt for doubt in doubts_of_gamma(contrast, fit_gamma(contrast)))


def test_a_level_that_was_read_wrong_is_named():
    measured = readings(2.2, 0.4, 120.0)
    measured[8] = MeasuredLevel(192, 20.0)
    assert any(
        "level 192 was read as 20 cd/m2, darker than level 160" in doubt
        for doubt in doubts_of_gamma(measured, fit_gamma(measured))
    )


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        (readings(2.2, 0, 100, levels=(0, 128, 255)), "expected 4 grey levels or more that span 128"),
        (readings(2.2, 0, 100, levels=(0, 40, 80, 120)), "expected 4 grey levels or more that span 128"),
        ([MeasuredLevel(v, 100 - v / 4) for v in LEVELS], "expected more light from brighter levels"),
        ([MeasuredLevel(v, 50.0) for v in LEVELS], "expected more light from brighter levels"),
    ],
)
def test_what_is_no_screen_is_refused(measured, said):
    with pytest.raises(RigError, match=said):
        fit_gamma(measured)


def test_readings_of_a_table_are_read(tmp_path):
    path = tmp_path / "levels.csv"
    path.write_text("level,cd_m2\n0,0.4\n255, 118.5\n")
    assert read_levels(path) == [MeasuredLevel(0, 0.4), MeasuredLevel(255, 118.5)]
    for row in ("256,1", "12.5,1", "0,-1", "0,"):
        path.write_text(f"level,cd_m2\n{row}\n")
        with pytest.raises(RigError, match=r"row 1: expected a level of 0 to 255"):
            read_levels(path)


class ShownLevels(HeadlessDisplay):
    """Remembers which image was up when somebody read the photometer."""

    up = None

    def prepare(self, image_indices):
        super().prepare(image_indices)
        (self.up,) = image_indices


def test_each_level_is_up_while_it_is_read(rig_document):
    levels = [0, 100, 255]
    session = patch_session(rig_document, levels)
    assert [int(image.min()) for image in session.images] == [int(image.max()) for image in session.images] == levels
    display = ShownLevels(VirtualClock(60.0), refresh_hz=60.0, width_px=800, height_px=600)
    up, told = [], []
    answers = iter(["0.4", "much", "20,5", "118"])

    def typed(question):
        up.append((question, display.up))
        return next(answers)

    measured = measure_levels(display, levels, typed=typed, say=told.append)
    assert measured == [MeasuredLevel(0, 0.4), MeasuredLevel(100, 20.5), MeasuredLevel(255, 118.0)]
    assert up == [("Level 0: cd/m2", 0), ("Level 100: cd/m2", 1), ("Level 100: cd/m2", 1), ("Level 255: cd/m2", 2)]
    assert told == ["expected a luminance such as 48.3, not below 0, found 'much'. Type it again."]
