"""The last gaze samples beside the last images, from the file that the real rig appends to."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.artifacts.day.gaze.layout import RECORD, GazeHeader
from closedloop.service.reading.session.gaze import recent_gaze
from rig.session.gaze_writer import GazeWriter

OURS = GazeHeader(simulated=False, session_id="study-day-00")
UP = [(10.0, 10.1), (10.2, 10.3)]


def write(path: Path, samples: list[tuple[float, tuple[float, float] | None]], *, launch: int = 0) -> None:
    with GazeWriter(path, OURS, launch=launch) as writer:
        for time_s, place in samples:
            writer.note(time_s, place)
        writer.sync()


def test_samples_count_while_an_image_is_up(tmp_path: Path) -> None:
    path = tmp_path / "gaze.bin"
    write(
        path,
        [
            (9.99, (0.0, 0.0)),  # before the first image
            (10.0, (1.0, 0.0)),
            (10.05, (0.0, 3.0)),  # outside of the window
            (10.1, (0.0, 0.0)),  # grey: the image went off
            (10.2, None),  # a blink
            (10.25, (0.5, -1.5)),
            (10.5, (0.0, 0.0)),
        ],
    )
    found = recent_gaze(path, UP, window_deg=2.0)
    assert found is not None
    assert (found.n_samples, found.n_within, found.n_without_eye) == (4, 2, 1)
    assert found.within == 0.5
    assert (found.x_deg, found.y_deg) == pytest.approx((0.5, 0.5))


def test_another_launch_has_a_clock_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "gaze.bin"
    write(path, [(10.05, (9.0, 9.0))])
    write(path, [(10.06, (0.0, 0.0))], launch=1)
    found = recent_gaze(path, UP, window_deg=2.0)
    assert found is not None
    assert (found.n_samples, found.n_within) == (1, 1)


def test_half_a_record_no_sample_and_no_file(tmp_path: Path) -> None:
    path = tmp_path / "gaze.bin"
    assert recent_gaze(path, UP, window_deg=2.0) is None
    write(path, [(10.05, (0.0, 0.0))])
    whole = path.read_bytes()
    for end in range(len(whole) - 3 * RECORD.size, len(whole)):
        path.write_bytes(whole[:end])
        found = recent_gaze(path, UP, window_deg=2.0)
        assert found is not None
        assert found.said or found.n_samples == 1
    assert recent_gaze(path, [], window_deg=2.0) is not None
    path.write_bytes(b"no gaze" * 1000)
    found = recent_gaze(path, UP, window_deg=2.0)
    assert found is not None
    assert "expected gaze samples" in found.said
