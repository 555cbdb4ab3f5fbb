"""Whole pixels and the visual angle."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.artifacts.day.session import ScreenSettings
from closedloop.artifacts.rig.description import RigDocument
from closedloop.errors import SessionError
from rig.display.placement import Square, degrees, disc, place, screen_of
from rig.display.screens import Rectangle
from rig.session.folder import open_session


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
    assert square.side_px == side_px
    for edge, length in ((square.left_px, size[0]), (square.bottom_px, size[1])):
        assert isinstance(edge, int)
        assert abs(2 * edge + side_px - length) <= 1


@pytest.mark.parametrize(
    ("corner", "left_px", "bottom_px"),
    [("lower_left", 0, 0), ("lower_right", 1880, 0), ("upper_left", 0, 1040), ("upper_right", 1880, 1040)],
)
def test_the_patch_lies_in_the_corner_where_the_photodiode_is(corner, left_px, bottom_px):
    patch = place(screen(photodiode_px=40), 224, corner=corner).photodiode
    assert (patch.left_px, patch.bottom_px, patch.side_px) == (left_px, bottom_px, 40)


def test_a_square_is_found_again_on_the_desktop_whose_rows_count_from_above():
    window = Rectangle(left_px=1920, top_px=10, width_px=800, height_px=600)
    assert Square(left_px=0, bottom_px=0, side_px=24).on_desktop(window) == Rectangle(1920, 586, 24, 24)
    assert Square(left_px=776, bottom_px=576, side_px=24).on_desktop(window) == Rectangle(2696, 10, 24, 24)


def test_a_disc_covers_as_many_pixels_as_a_circle_has_area_and_has_no_direction():
    for side_px in (4, 5, 31, 60):
        inside = disc(side_px)
        assert inside.sum() == pytest.approx(np.pi * (side_px / 2) ** 2, rel=0.12)
        assert np.array_equal(inside, inside.T)
        assert np.array_equal(inside, inside[::-1])
    assert disc(4).tolist() == [[False, True, True, False], [True] * 4, [True] * 4, [False, True, True, False]]
    assert disc(0).sum() == 0


def rig(tmp_path, **changes):
    subject = {"screen": 1, "width_px": 800, "height_px": 600, "refresh_hz": 60, "width_cm": 40, "distance_cm": 57}
    fields = {
        "name": "rig 2",
        "subject_screen": subject | changes,
        "photodiode": {"corner": "upper_right", "side_px": 30},
        "codes": {"transport": "none"},
        "gaze": {"source": "mouse"},
        "reward": {"device": "none"},
        "recorder": {"kind": "none"},
    }
    return RigDocument.model_validate(fields)


def test_a_described_rig_says_which_screen_how_large_and_where_the_photodiode_is(make_session, tmp_path):
    document = open_session(make_session()).document
    found, corner = screen_of(document, rig(tmp_path))
    assert (found.screen, found.width_px, found.height_px, found.photodiode_px) == (1, 800, 600, 30)
    assert (found.cm_per_px, corner) == (0.05, "upper_right")
    kept = ("refresh_hz", "image_scale", "visual_angle_deg", "grey_level", "full_screen")
    assert [getattr(found, name) for name in kept] == [getattr(document.screen, name) for name in kept]
    assert screen_of(document, None) == (document.screen, "lower_left")


def test_a_rig_of_another_frame_rate_than_the_session_s_is_refused(make_session, tmp_path):
    document = open_session(make_session()).document
    with pytest.raises(SessionError, match="a session for the 120 Hz of rig rig 2, found one for 60 Hz"):
        screen_of(document, rig(tmp_path, refresh_hz=120))


def test_an_image_larger_than_the_screen_is_refused():
    with pytest.raises(SessionError, match=r"at most 1080 px, found 1120 px \(224 x 5\)"):
        place(screen(image_scale=5), 224)


def test_a_photodiode_patch_over_the_image_is_refused():
    place(screen(width_px=300, height_px=224, image_scale=1, photodiode_px=38), 224)
    with pytest.raises(SessionError, match="at most 38 px"):
        place(screen(width_px=300, height_px=224, image_scale=1, photodiode_px=39), 224)
