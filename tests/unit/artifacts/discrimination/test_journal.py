"""A session's lines: true once, whatever comes twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.artifacts.discrimination.journal import (
    answers_bytes,
    check_subject,
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


def answered(line: int, trial: int, answer: str | None = "same") -> PairAnswered:
    return PairAnswered.model_validate(
        {
            "line": line,
            "launch": 1,
            "trial": trial,
            "first": FIRST,
            "second": SECOND,
            "answer": answer,
            "reaction_ms": None if answer is None else 500.0,
            "n_frames": (6, 6, 6),
            "frame_ms": (0.0, 16.7),
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
        answered(6, 1, None),
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
    ],
)
def test_lines_of_no_session_are_refused(rows: list[AnswerRow], words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        parse_answers(answers_bytes(rows), place="x")


@pytest.mark.parametrize("code", ["Ada", "ada@example.org", "S 1", "S1/../x", "", "S" * 16 + "1", "Zoë1"])
def test_names_and_addresses_are_no_codes(code: str) -> None:
    with pytest.raises(OptionError, match="such as S07"):
        check_subject(code)


def test_unknown_fields_are_refused_so_that_nothing_else_of_a_person_is_stored() -> None:
    line = answers_bytes([launched(0)]).replace(b'"subject":"S1"', b'"subject":"S1","user_agent":"x"')
    with pytest.raises(DocumentError, match="user_agent"):
        parse_answers(line, place="x")
