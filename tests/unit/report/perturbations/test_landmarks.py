"""Landmarks of the scale of perturbations: closed forms, and the same norm as the attacks'."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.attacks.lattice import realised_epsilon
from closedloop.report import drawing
from closedloop.report.perturbations.landmarks import QUOTED, landmarks, rounding, size_between
from closedloop.report.perturbations.scale import at, figure_1c

IMAGES = np.random.default_rng(0).integers(0, 256, size=(6, 32, 32, 3), dtype=np.uint8)
CATEGORIES = ["a", "b", "a", "c", "b", "d"]


def found() -> dict[str, float]:
    attacked = {1.0: IMAGES[0], 10.0: IMAGES[0]}
    return {one.name: one.size for one in landmarks(IMAGES, CATEGORIES, example=0, attacked=attacked)}


def test_a_size_is_the_epsilon_that_attacks_are_measured_by() -> None:
    sizes = [size_between(clean, changed) for clean, changed in zip(IMAGES[:3], IMAGES[3:], strict=True)]
    assert sizes == pytest.approx(realised_epsilon(IMAGES[:3], IMAGES[3:]).tolist(), rel=1e-6)


def test_landmarks_with_a_closed_form_are_it() -> None:
    sizes = found()
    assert sizes["one grey level, every value"] == pytest.approx(np.sqrt(3) * 224 / 255)
    assert sizes["one pixel of these 32, black to white"] == pytest.approx(np.sqrt(3) * 7)
    assert sizes["black to white, all of it"] == pytest.approx(np.sqrt(3) * 224)
    assert rounding().size == pytest.approx(np.sqrt(3 * 224**2 / 12) / 255)
    assert (sizes["attack, ε = 1"], sizes["attack, ε = 10"]) == (1.0, 10.0)


def test_noise_is_a_little_less_than_its_sd_for_black_and_white_clip_it() -> None:
    whole = 0.05 * np.sqrt(3) * 224
    assert 0.9 * whole < found()["Gaussian noise, SD 0.05"] < whole


def test_two_random_images_differ_by_what_uniform_values_do() -> None:
    assert found()["any other image"] == pytest.approx(np.sqrt(3 / 6) * 224, rel=0.02)


def test_a_category_of_one_image_has_no_other() -> None:
    names = {one.name for one in landmarks(IMAGES, list("abcdef"), example=0, attacked={})}
    assert "another image of its category" not in names
    assert "any other image" in names


def test_the_papers_landmarks_are_quoted_as_they_stand() -> None:
    ends = {one.name: (one.low, one.high) for one in QUOTED}
    assert ends["Yuan et al. 2020"] == (21.4, 43.0)
    assert ends["Elsayed et al. 2018"] == (48.7, 48.7)
    assert ends["Tramèr et al. 2020"] == (19.0, 20.0)
    assert ends["one pixel, black to white"][0] == pytest.approx(1.73, abs=0.005)


def test_the_figure_notes_every_landmark_and_keeps_them_in_order() -> None:
    own = landmarks(IMAGES, CATEGORIES, example=0, attacked={1.0: IMAGES[0]})
    with drawing.style():
        numbers = drawing.numbers_of(figure_1c([rounding(), *own], studied=(1.0, 10.0)))
    assert [float(row[3]) for row in numbers[: len(own) + 1]] == sorted(
        float(row[3]) for row in numbers[: len(own) + 1]
    )
    assert len(numbers) == len(own) + 1 + 2 * len(QUOTED)
    assert 0 < at(rounding().size) < at(1.0) < at(388.0) < 1
