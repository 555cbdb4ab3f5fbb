"""What a session's numbers exclude together."""

from __future__ import annotations

from typing import Any

import pytest

from closedloop.artifacts.day.session_fitness import misfits_of, viewing_distance_cm
from tests.unit.artifacts.day.test_session import SCREEN, TRIAL, session


def found(*, screen: dict[str, Any] | None = None, trial: dict[str, Any] | None = None, n: int = 1) -> list[str]:
    made = session(
        screen=SCREEN.model_copy(update=screen or {}), trial=TRIAL.model_copy(update=trial or {}), n_presentations=n
    )
    return [f"{one.check}, {one.key}: {one.fault}" for one in misfits_of(made)]


def test_nothing_stands_against_an_ordinary_session() -> None:
    assert found(n=10_000) == []


def test_the_image_is_watched_from_where_it_has_its_angle() -> None:
    """32 px x 8 x 0.05 cm = 12.8 cm; 6.4 cm / tan(4 degrees) = 91.5 cm."""
    assert viewing_distance_cm(SCREEN, 32) == pytest.approx(91.52, abs=0.01)


@pytest.mark.parametrize(
    ("screen", "said"),
    [
        ({"image_scale": 19}, "image_scale: expected an image of at most 600 px, found 608 px (32 x 19)"),
        ({"photodiode_px": 273}, "image_scale: expected a photodiode patch of at most 272 px beside the image"),
        ({"cm_per_px": 0.001}, "screen_cm_per_px: expected a viewing distance of 2 to 1000 cm, found 1.8 cm"),
        ({"visual_angle_deg": 0.1}, "screen_cm_per_px: expected a viewing distance of 2 to 1000 cm, found 7.3e+03 cm"),
    ],
)
def test_an_image_that_cannot_be_placed_is_said_with_the_protocols_key(screen: dict[str, Any], said: str) -> None:
    (line,) = found(screen=screen)
    assert line.startswith(f"layout, presentation.{said}")


def test_a_fixation_point_larger_than_the_screen_is_said() -> None:
    assert found(trial={"fixation_dot_px": 600}) == []
    (line,) = found(trial={"fixation_dot_px": 601})
    assert line.startswith("layout, trial.fixation_dot_px: expected a fixation point of at most 600 px, found 601 px")


def test_a_session_of_more_than_a_day_is_said() -> None:
    """Six images of 10 s on and off and an interval of 10 min: 720 s a trial, 120 trials a day."""
    slow = {"on_frames": 600, "off_frames": 600, "intertrial_ms": 600_000, "hold_ms": 0}
    assert found(trial=slow, n=6 * 120) == []
    (line,) = found(trial=slow, n=6 * 122)
    assert line.startswith("duration, presentation.on_ms: expected a session of at most 24 h, found 24 h")
