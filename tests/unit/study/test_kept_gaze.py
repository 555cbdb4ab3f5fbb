"""Gaze that is brought with a session: taken over where it is that session's and whole, refused in a line else."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from closedloop.artifacts.catalog import GAZE, JOURNAL, SUMMARY
from closedloop.artifacts.day.gaze.layout import BEGINS, ENDS, HEADER_BYTES, GazeHeader, mark_bytes, sample_bytes
from closedloop.artifacts.manifest import read_manifest
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import ClosedLoopError, DocumentError, RecordingError, SessionError, StudyError
from closedloop.study.completeness.looks import list_files
from closedloop.study.completeness.session import missing_in_session
from closedloop.study.handover import adopt
from tests.equipment.edf_files import edf_bytes, write_edf
from tests.unit.messages import refused
from tests.unit.study.labs import bring_recording, lab
from tests.unit.study.sessions import bring, session_id
from tests.unit.study.test_handover import STUDY, brought

OURS = GazeHeader(simulated=False, session_id=session_id(2))
SAMPLE = sample_bytes(1.0, (0.5, 0.5))
BEGIN, END = mark_bytes(0, BEGINS), mark_bytes(0, ENDS)


def bring_gaze(paths: StudyPaths, *records: bytes, header: GazeHeader = OURS, day: int = 2) -> Path:
    place = GAZE.published(paths, day)
    place.write_bytes(header.to_header() + b"".join(records))
    return place


def test_a_session_with_gaze_and_a_trackers_file_is_adopted(tmp_path: Path) -> None:
    paths = brought(tmp_path)
    place = bring_gaze(paths, BEGIN, SAMPLE, sample_bytes(1.001, None), END)
    write_edf(place.with_name("s0000000.edf"), "test_2_raw.edf")
    adopt(paths, STUDY, day=2, stage="present")


def test_what_is_brought_is_sealed_with_the_session(tmp_path: Path) -> None:
    study = lab(tmp_path / "study", simulated=False)
    study.run()
    bring(study.paths, 0)
    bring_gaze(study.paths, BEGIN, SAMPLE, END, header=OURS.model_copy(update={"session_id": session_id(0)}), day=0)
    write_edf(GAZE.published(study.paths, 0).with_name("S0000000.EDF"), "test_raw.edf")
    study.run()
    sealed = read_manifest(study.paths.folder("present", 0)).outputs
    assert set(sealed) == {JOURNAL.name, SUMMARY.name, GAZE.name, "S0000000.EDF"}
    assert sealed[GAZE.name].n_bytes == HEADER_BYTES + 48
    bring_recording(study.paths, 0)
    study.run()
    assert study.ran[-1] == "1 schedule"  # all of day 0 is done, and the next day waits for its session


NOT_A_SAMPLE = struct.pack("<dff", float("inf"), 0.0, 0.0)
HALF_AN_EYE = struct.pack("<dff", 1.0, float("nan"), 0.0)
NO_NUMBER = struct.pack("<dff", 1.0, float("inf"), 0.0)
NO_PLACE = struct.pack("<dff", 1.0, 2e6, 0.0)
BAD_MARKS = [struct.pack("<dff", float("nan"), *words) for words in ((0.5, 0), (-1, 0), (0, 2), (0, float("nan")))]


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ((SAMPLE,), "expected the mark of a launch first"),
        ((END,), "expected the mark of a launch first"),
        *(((BEGIN, SAMPLE, bad), "record 3: expected a sample or a launch's mark") for bad in BAD_MARKS),
        ((BEGIN, NOT_A_SAMPLE), "record 2: expected a sample"),
        ((BEGIN, SAMPLE, SAMPLE, HALF_AN_EYE), "record 4: expected a sample"),
        ((BEGIN, NO_NUMBER), "record 2: expected a sample"),
        ((BEGIN, NO_PLACE), "record 2: expected a sample"),
        ((BEGIN, SAMPLE, END, SAMPLE, END), "record 3: expected nothing of a launch behind its end"),
        ((BEGIN, SAMPLE, mark_bytes(1, ENDS)), "record 3: expected nothing"),
        ((BEGIN, SAMPLE, BEGIN, END), "record 3: expected a launch after 0, found launch 0"),
        ((BEGIN, SAMPLE, END, mark_bytes(1, BEGINS), mark_bytes(1, ENDS)), r"launches of the journal.*found launch 1"),
    ],
)
def test_damaged_samples_are_refused_in_a_line(tmp_path: Path, records: tuple[bytes, ...], words: str) -> None:
    paths = brought(tmp_path)
    place = bring_gaze(paths, *records)
    with pytest.raises(DocumentError, match=words) as told:
        adopt(paths, STUDY, day=2, stage="present")
    assert str(told.value).startswith(str(place))
    assert str(told.value).endswith("move it out of the folder: the session stands without it.")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x" * 4000,
        b"{" + b" " * 4000,
        OURS.to_header()[:-1] + b" ",
        OURS.to_header().replace(b"gaze_s", b"graze_"),
    ],
)
def test_what_is_no_file_of_samples_is_refused(tmp_path: Path, content: bytes) -> None:
    paths = brought(tmp_path)
    GAZE.published(paths, 2).write_bytes(content)
    with pytest.raises(DocumentError) as told:
        adopt(paths, STUDY, day=2, stage="present")
    assert str(told.value).startswith(str(GAZE.published(paths, 2)))
    assert "\n" not in str(told.value)


def test_a_newer_file_asks_for_a_newer_version(tmp_path: Path) -> None:
    paths = brought(tmp_path)
    header = OURS.to_header().replace(b'"format_version":1', b'"format_version":2')
    GAZE.published(paths, 2).write_bytes(header)
    with refused(DocumentError, GAZE.published(paths, 2), "upgrade"):
        adopt(paths, STUDY, day=2, stage="present")


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"session_id": session_id(1)}, SessionError, f"expected the gaze of {session_id(2)}"),
        ({"simulated": True}, StudyError, "found it marked as simulated"),
    ],
)
def test_the_gaze_of_another_session_is_refused(
    tmp_path: Path, changed: dict[str, object], error: type[ClosedLoopError], words: str
) -> None:
    paths = brought(tmp_path)
    bring_gaze(paths, BEGIN, SAMPLE, END, header=OURS.model_copy(update=changed))
    with refused(error, GAZE.published(paths, 2), words):
        adopt(paths, STUDY, day=2, stage="present")


@pytest.mark.parametrize("name", [GAZE.name, "s0000000.edf"])
@pytest.mark.parametrize(("kind", "found"), [("folder", "a folder"), ("link", "a link that leads nowhere")])
def test_what_has_a_name_of_gaze_and_is_no_file_is_refused(tmp_path: Path, name: str, kind: str, found: str) -> None:
    paths = brought(tmp_path)
    place = GAZE.published(paths, 2).with_name(name)
    if kind == "folder":
        place.mkdir()
    else:
        place.symlink_to(tmp_path / "nowhere")
    with refused(DocumentError, place, f"expected a file, found {found}", "move it out of the folder"):
        adopt(paths, STUDY, day=2, stage="present")


@pytest.mark.parametrize("content", [b"0       X X X X", b"SR_RESEARCH_1000FILE\nENDP:\n"])
def test_a_trackers_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    pytest.importorskip("eyelinkio")
    paths = brought(tmp_path)
    place = GAZE.published(paths, 2).with_name("s0000000.edf")
    place.write_bytes(content)
    with refused(RecordingError, place, "move it out of the folder"):
        adopt(paths, STUDY, day=2, stage="present")


def test_a_trackers_file_that_is_no_whole_copy_is_refused(tmp_path: Path) -> None:
    paths = brought(tmp_path)
    place = GAZE.published(paths, 2).with_name("s0000000.edf")
    place.write_bytes(edf_bytes("test_raw.edf")[:-4000])
    with refused(RecordingError, place, "Copy it again"):
        adopt(paths, STUDY, day=2, stage="present")


@pytest.mark.parametrize(
    ("records", "is_whole"),
    [((BEGIN, SAMPLE, END), True), ((BEGIN, SAMPLE), False), ((BEGIN, SAMPLE, END[:-1]), False), ((), False)],
)
def test_a_copy_of_samples_that_lacks_its_end_is_waited_for(
    tmp_path: Path, records: tuple[bytes, ...], is_whole: bool
) -> None:
    paths = brought(tmp_path)
    folder = bring_gaze(paths, *records).parent
    missing = missing_in_session(folder, list_files(folder))
    assert missing == (
        "" if is_whole else "gaze.bin does not go on to the session's end (without it the session stands as well)"
    )
