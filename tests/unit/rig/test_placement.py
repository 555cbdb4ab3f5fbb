"""Whole pixels and the visual angle."""

from __future__ import annotations

import pytest

from closedloop.artifacts.day.session import ScreenSettings
from closedloop.errors import SessionError
from rig.display.placement import degrees, place


def screen(**changes):
    fields = {
        "refresh_hz": 60.0,
        "width_px": 1920,
        "height_px": 1080,
        "cm_per_px": 52 / 1920,
        "image_scale": 2,
        "visual_angle_deg": 8.0,
        "grey_level": 127,
    }
    return ScreenSettings.model_validate(fields | changes)


def test_a_52_cm_screen_of_1920_px_at_scale_2_is_watched_from_86_8_cm():
    assert place(screen(), 224).distance_cm == pytest.approx(86.8, abs=0.05)


def test_the_images_edge_lies_at_half_its_visual_angle():
    placement = place(screen(), 224)
    assert degrees(224, cm_per_px=52 / 1920, distance_cm=placement.distance_cm) == pytest.approx(4.0)


@pytest.mark.parametrize("size", [(800, 600), (801, 601), (800, 601)])
@pytest.mark.parametrize("side_px", [112, 113])
def test_an_image_lies_on_whole_pixels_in_screens_of_any_parity(size, side_px):
    square = place(screen(width_px=size[0], height_px=size[1], image_scale=1), side_px).image
    x_px, y_px = square.centre_from(*size)
    for edge, length in ((size[0] / 2 + x_px - side_px / 2, size[0]), (size[1] / 2 + y_px - side_px / 2, size[1])):
        assert edge == int(edge)
        assert abs(2 * edge + side_px - length) <= 1


def test_an_image_larger_than_the_screen_is_refused():
    with pytest.raises(SessionError, match=r"at most 1080 px, found 1120 px \(224 x 5\)"):
        place(screen(image_scale=5), 224)


def test_a_photodiode_patch_over_the_image_is_refused():
    place(screen(width_px=300, height_px=224, image_scale=1, photodiode_px=38), 224)
    with pytest.raises(SessionError, match="at most 38 px"):
        place(screen(width_px=300, height_px=224, image_scale=1, photodiode_px=39), 224)
