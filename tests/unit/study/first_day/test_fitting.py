from __future__ import annotations

import math

import pytest

from closedloop.artifacts.protocol.protocol import parse_protocol, session_hours
from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.artifacts.rig.description import SubjectScreen
from closedloop.errors import ProtocolError
from closedloop.study.first_day.fitting import (
    for_days,
    for_hours,
    for_screen,
    fresh_images_that_fit,
    parse_changed,
)

CONTENT = shipped_protocols()["guo2022"].read_bytes()
GUO = parse_protocol(CONTENT, place="guo2022")


def screen(**changes) -> SubjectScreen:
    usual = {"screen": 0, "width_px": 1920, "height_px": 1080, "refresh_hz": 60, "width_cm": 52, "distance_cm": 87}
    return SubjectScreen(**(usual | changes))


def test_a_screen_as_the_protocol_has_it_changes_the_angle_alone_by_what_the_distance_is_off() -> None:
    changes = for_screen(GUO.presentation, screen(), side_px=224)
    _, fitted = parse_changed(CONTENT, changes, place="guo2022", why="w")
    angle = math.degrees(2 * math.atan(448 * 52 / 1920 / 2 / 87))
    assert fitted.presentation.visual_angle_deg == pytest.approx(angle, abs=5e-4)
    assert fitted.presentation.image_scale == GUO.presentation.image_scale


@pytest.mark.parametrize(("refresh_hz", "on_frames"), [(60, 6), (120, 12), (144, 14), (85, 8), (59.94, 6), (75, 8)])
def test_images_are_up_for_whole_frames_of_every_screen(refresh_hz: float, on_frames: int) -> None:
    changes = for_screen(GUO.presentation, screen(refresh_hz=refresh_hz), side_px=224)
    _, fitted = parse_changed(CONTENT, changes, place="guo2022", why="w")
    assert fitted.presentation.on_frames == on_frames
    assert fitted.presentation.refresh_hz == refresh_hz


def test_the_scale_is_the_one_whose_angle_is_nearest_and_never_larger_than_the_screen() -> None:
    far = for_screen(GUO.presentation, screen(distance_cm=174), side_px=224)
    assert far["presentation", "image_scale"] == "4"
    wide = for_screen(GUO.presentation, screen(distance_cm=900), side_px=224)
    assert wide["presentation", "image_scale"] == "4"  # 5 x 224 px are more than 1080


def test_as_many_fresh_images_fit_as_the_hours_hold_and_one_more_does_not() -> None:
    number = fresh_images_that_fit(GUO, 1.0)
    assert number is not None
    _, fitted = parse_changed(CONTENT, for_hours(1.0, fresh_images=number), place="g", why="w")
    assert session_hours(fitted) <= 1.0
    with pytest.raises(ProtocolError, match=r"hours_per_day"):
        parse_changed(CONTENT, for_hours(1.0, fresh_images=number + 1), place="g", why="w")


def test_hours_that_hold_nothing_have_no_number() -> None:
    assert fresh_images_that_fit(GUO, 0.2) is None


def test_fewer_days_ask_for_no_raw_voltage_of_later_ones() -> None:
    content = shipped_protocols()["dry_run"].read_bytes()
    dry_run = parse_protocol(content, place="dry_run")
    _, fitted = parse_changed(content, for_days(dry_run, 1), place="d", why="w")
    assert fitted.days == 1
    assert all(day < 1 for day in fitted.recording.raw_days)


def test_what_is_as_it_was_changes_no_byte() -> None:
    same = {("days",): "6", ("trial", "hours_per_day"): "5", ("recording", "raw_days"): "[]"}
    assert parse_changed(CONTENT, same, place="g", why="w")[0] == CONTENT
