"""The audit finds a single wrong value of a single pixel."""

from __future__ import annotations

import numpy as np
import pytest

from closedloop.errors import SessionError
from rig.display.pixel_audit import PixelAuditor
from rig.session.folder import open_session


@pytest.fixture
def session(make_session):
    return open_session(make_session(n_images=4, n_presentations=8, screen={"image_scale": 3}))


def screen_of(session, index):
    return np.kron(session.images[index], np.ones((3, 3, 1), dtype=np.uint8))


def test_equal_pixels_pass_and_are_counted(session):
    auditor = PixelAuditor(session, 3)
    for index in (0, 1, 0, 2, 3):
        auditor.offer(index, lambda index=index: screen_of(session, index))
    auditor.compare()
    report = auditor.report()
    assert (report.n_images, report.n_pixels, report.n_mismatched) == (3, 3 * 48 * 48, 0)
    assert report.stimulus_ids == tuple(session.planned[index].stimulus_id for index in (0, 1, 2))


def test_one_level_in_one_channel_of_one_pixel_is_found_and_named(session):
    shown = screen_of(session, 2)
    shown[10, 20, 1] ^= 1
    auditor = PixelAuditor(session, 3)
    auditor.offer(2, lambda: shown)
    with pytest.raises(
        SessionError, match=rf"stimulus {session.planned[2].stimulus_id}: .* 1 of 2304 .*row 10, column 20"
    ):
        auditor.compare()
    assert auditor.report().n_mismatched == 1


@pytest.mark.parametrize(
    "fault", [np.flipud, np.fliplr, lambda shown: shown[..., ::-1], lambda shown: np.roll(shown, 1, 0)]
)
def test_a_flipped_mirrored_recoloured_or_shifted_image_is_found(session, fault):
    auditor = PixelAuditor(session, 1)
    auditor.offer(1, lambda: fault(screen_of(session, 1)))
    with pytest.raises(SessionError, match="do not record with this display"):
        auditor.compare()


def test_under_the_fixation_dot_the_dot_is_what_was_planned(session):
    dot = np.zeros((48, 48), dtype=bool)
    dot[22:26, 22:26] = True
    shown = screen_of(session, 1)
    shown[dot] = 255
    auditor = PixelAuditor(session, 2)
    auditor.offer(1, lambda: shown, dot=dot)
    auditor.compare()
    assert auditor.report().n_mismatched == 0
    moved = screen_of(session, 2)
    moved[23:27, 22:26] = 255
    auditor.offer(2, lambda: moved, dot=dot)
    with pytest.raises(SessionError, match=r"stimulus .*: expected .* found 8 of 2304"):
        auditor.compare()


def test_the_report_says_whether_the_screen_itself_was_read(session):
    auditor = PixelAuditor(session, 1)
    assert auditor.report().read_back == "back_buffer"
    auditor.reads_screen = True
    assert auditor.report().read_back == "screen"
