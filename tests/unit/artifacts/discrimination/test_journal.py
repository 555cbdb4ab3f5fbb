"""A session's lines: true once, whatever comes twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.artifacts.discrimination.journal import (
    answers_bytes,
    check_subject,
    lasted_ms,
    merge_rows,
    parse_answers,
    read_answers,
)
from closedloop.artifacts.discrimination.rows import (
    AnswerRow,
    PairAnswered,
    PairBegun,
    SessionFinished,
    SessionLaunched,
)
from closedloop.errors import DocumentError, OptionError

FIRST, SECOND = "0" * 16, "1" * 16


def launched(line: int, *, launch: int = 1, subject: str = "S1") -> SessionLaunched:
    return SessionLaunched(
        line=line,
        experiment_id="a" * 16,
        subject=subject,
        session=1,
        simulated=False,
        launch=launch,
        front_end="browser",
        date=None,
        code_version="test",
        refresh_hz=60.0,
        image_frames=6,
        gap_frames=6,
        device_pixel_ratio=1.0,
        image_px=64,
        image_scale=1,
        surface_px=(800, 600),
        images_compared=2,
        consented=False,
    )


def answered(line: int, trial: int, answer: str | None = "same", *, launch: int = 1) -> PairAnswered:
    return PairAnswered.model_validate(
        {
            "line": line,
            "launch": launch,
            "trial": trial,
            "first": FIRST,
            "second": SECOND,
            "answer": answer,
            "reaction_ms": None if answer is None else 500.0,
            "n_frames": (6, 6, 6),
            "frame_ms": tuple(round(frame * 1000 / 60, 2) for frame in range(19)),
        }
    )


def session() -> tuple[AnswerRow, ...]:
    return (
        launched(0),
        PairBegun(line=1, launch=1, trial=0),
        answered(2, 0),
        PairBegun(line=3, launch=1, trial=1),
        launched(4, launch=2),
        PairBegun(line=5, launch=2, trial=1),
        answered(6, 1, None, launch=2),
        SessionFinished(line=7, launch=2),
    )


def test_lines_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "S1-0001.jsonl"
    path.write_bytes(answers_bytes(session()))
    found = read_answers(path)
    assert found.rows == session()
    assert found.is_finished
    assert [row.trial for row in found.answers] == [0, 1]
    assert found.begun == {0: 1, 1: 2}
    assert len(found.launches) == 2


def test_a_line_that_a_kill_tore_never_happened() -> None:
    content = answers_bytes(session())
    found = parse_answers(content[:-5], place="x")
    assert found.rows == session()[:-1]
    assert content[: found.n_bytes_whole] == answers_bytes(session()[:-1])


@pytest.mark.parametrize("n_stored", range(9))
@pytest.mark.parametrize("n_from", [0, 3])
def test_what_comes_twice_counts_once(n_stored: int, n_from: int) -> None:
    rows = session()
    if n_from <= n_stored:
        assert merge_rows(rows[:n_stored], rows[n_from:], place="x") == rows


def test_another_line_under_one_number_is_refused() -> None:
    rows = session()
    with pytest.raises(DocumentError, match="line 2 that is stored, found another"):
        merge_rows(rows, [answered(2, 0, "different")], place="x")


def test_a_gap_between_lines_is_refused() -> None:
    with pytest.raises(DocumentError, match="line 2 next, found line 4"):
        merge_rows(session()[:2], session()[4:], place="x")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([answered(0, 0)], "from its launch on"),
        ([launched(0), launched(1, subject="S2")], "one subject's session"),
        ([launched(0), answered(1, 0), answered(2, 0)], "each trial answered once"),
        ([launched(1)], "line number 0, found 1"),
        ([launched(0), answered(1, 0, launch=7)], "expected launch 1 in line 1, found 7"),
        ([launched(0), launched(1, launch=3)], "expected launch 2 in line 1, found 3"),
        ([launched(0), SessionFinished(line=1, launch=1), answered(2, 0)], "nothing after the end of the session"),
    ],
)
def test_lines_of_no_session_are_refused(rows: list[AnswerRow], words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        parse_answers(answers_bytes(rows), place="x")


@pytest.mark.parametrize(
    ("found", "given", "words"),
    [
        (b'"n_frames":[6,6,6]', b'"n_frames":[6,6,99999999999]', "at most 100,000 frames"),
        (b'"reaction_ms":500.0', b'"reaction_ms":null', "a reaction time with an answer and none without"),
        (b'"answer":"same"', b'"answer":null', "a reaction time with an answer and none without"),
        (b'"frame_ms":[0.0,', b'"frame_ms":[20.0,', "expected frame_ms to grow"),
        (b'"surface_px":[800,600]', b'"surface_px":[800,99999999999]', "surface_px"),
    ],
)
def test_a_line_that_no_front_end_writes_is_refused(found: bytes, given: bytes, words: str) -> None:
    content = answers_bytes([launched(0), answered(1, 0)])
    assert found in content
    with pytest.raises(DocumentError, match=words):
        parse_answers(content.replace(found, given), place="x")


@pytest.mark.parametrize(
    ("front_end", "counted", "n_times"), [("browser", (6, 7, 6), 20), ("psychopy", (12, 12, 12), 19)]
)
def test_how_long_a_trial_was_up_is_by_its_own_time_stamps(
    front_end: str, counted: tuple[int, int, int], n_times: int
) -> None:
    launch = launched(0).model_copy(update={"front_end": front_end})
    times = tuple(20.0 * frame for frame in range(n_times))
    row = answered(1, 0).model_copy(update={"n_frames": counted, "frame_ms": times})
    gap_frames = counted[1] if front_end == "browser" else 6
    assert lasted_ms(row, launch) == (120.0, 20.0 * gap_frames, 120.0)


@pytest.mark.parametrize("code", ["Ada", "ada@example.org", "S 1", "S1/../x", "", "S" * 16 + "1", "Zoë1"])
def test_names_and_addresses_are_no_codes(code: str) -> None:
    with pytest.raises(OptionError, match="such as S07"):
        check_subject(code)


def test_unknown_fields_are_refused_so_that_nothing_else_of_a_person_is_stored() -> None:
    line = answers_bytes([launched(0)]).replace(b'"subject":"S1"', b'"subject":"S1","user_agent":"x"')
    with pytest.raises(DocumentError, match="user_agent"):
        parse_answers(line, place="x")
