"""EyeLink's recorded files as eyelinkio reads them, on the tracker's own clock, and files that are none."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from closedloop.errors import RecordingError, StorageError
from closedloop.eyelink.edf import read_edf, read_edf_samples
from closedloop.eyelink.marks import marks_of
from tests.equipment.edf_files import edf_bytes, write_edf

FILES = ("test_raw.edf", "test_2_raw.edf", "test_raw_binocular.edf")


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_samples_are_those_of_eyelinkio_at_the_trackers_own_times(tmp_path: Path, name: str) -> None:
    write_edf(tmp_path / name, name)
    eyelinkio = pytest.importorskip("eyelinkio")
    theirs, ours = eyelinkio.read_edf(str(tmp_path / name)), read_edf_samples(tmp_path / name)
    info = theirs["info"]
    sides = {"LEFT_EYE": ("",), "BINOCULAR": ("_left", "_right")}[info["eye"]]
    for eye, side in enumerate(sides):
        for own, their in ((ours.x, "xpos"), (ours.y, "ypos")):
            column = theirs["samples"][info["sample_fields"].index(their + side)]
            np.testing.assert_array_equal(own[eye], column.astype(np.float32))
    assert np.isnan(ours.x[len(sides) :]).all()
    # eyelinkio counts samples, as if there were no pause between two parts; ours have the times that it began from.
    contents = read_edf(tmp_path / name)
    assert contents.rate_hz == info["sfreq"]
    within = sum(((ours.time_s >= begin) & (ours.time_s <= end)).sum() for begin, end in contents.parts_s)
    assert within == ours.time_s.size
    breaks = np.flatnonzero(np.diff(ours.time_s) > 0.5)
    assert len(breaks) == len(contents.parts_s) - 1


def test_a_pause_of_the_tracker_is_a_pause(tmp_path: Path) -> None:
    write_edf(tmp_path / "x.edf", "test_raw.edf")
    assert read_edf(tmp_path / "x.edf").parts_s == ((415.839, 415.975), (464.321, 531.012))
    time_s = read_edf_samples(tmp_path / "x.edf").time_s
    assert (time_s[0], time_s[-1]) == (415.839, 531.011)
    assert np.diff(time_s).max() == pytest.approx(464.321 - 415.974)


def test_messages_of_the_rig_are_found_among_all_others(tmp_path: Path) -> None:
    told = [(470_000, "closedloop trial 7"), (470_001, "closedloop code 255"), (470_500, "closedloop by hand")]
    write_edf(tmp_path / "x.edf", "test_raw.edf", told)
    marks = read_edf(tmp_path / "x.edf").marks
    assert (marks.trial.tolist(), marks.trial_s.tolist()) == ([7], [470.0])
    assert (marks.code.tolist(), marks.code_s.tolist()) == ([255], [470.001])


def test_what_only_begins_like_a_message_of_ours_is_none() -> None:
    texts = ["closedloop trial", "closedloop trial -1", "closedloop trial 1 2", "closedloop code 1e3", "trial 1", ""]
    assert marks_of((1.0, text) for text in texts).n == 0


@pytest.mark.parametrize("content", [b"", b"0       HEG recording", b"SR_RESEARCH_1000FILE\n", b"SR_RESEARCH_" * 5000])
def test_another_file_is_refused_in_a_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.edf").write_bytes(content)
    with pytest.raises(RecordingError, match=r"x.edf: expected .*, found .*move it out of the folder") as refused:
        read_edf(tmp_path / "x.edf")
    assert "\n" not in str(refused.value)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.edf")
    with pytest.raises(StorageError, match="found a pipe"):
        read_edf(tmp_path / "x.edf")


def read_or_refuse(read: Callable[[Path], Any], path: Path) -> Any:
    """Return what is read, or what is said instead."""
    try:
        return read(path)
    except RecordingError as error:
        return str(error)


@pytest.mark.parametrize("part", [0.02, 0.5, 0.999])
def test_a_file_that_was_cut_is_read_up_to_there_or_refused(tmp_path: Path, part: float) -> None:
    content = edf_bytes("test_raw.edf")
    (tmp_path / "x.edf").write_bytes(content[: int(part * len(content))])
    found = read_or_refuse(read_edf, tmp_path / "x.edf")
    assert isinstance(found, str) or found.rate_hz == 1000.0
    assert not isinstance(found, str) or "x.edf: expected" in found


@pytest.mark.slow
def test_spoiled_files_are_read_or_refused_and_end_nothing(tmp_path: Path) -> None:
    random, content = Random(3), edf_bytes("test_raw.edf")[:200_000]
    for _ in range(40):
        spoiled = bytearray(content)
        for _ in range(random.choice((1, 10, 1000))):
            spoiled[random.randrange(20, len(spoiled))] = random.randrange(256)
        (tmp_path / "x.edf").write_bytes(spoiled)
        for read in (read_edf, read_edf_samples):
            found = read_or_refuse(read, tmp_path / "x.edf")
            assert not isinstance(found, str) or found.startswith(f"{tmp_path / 'x.edf'}: expected")
