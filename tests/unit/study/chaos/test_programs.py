"""Programs that are killed as they run, or whose disk takes no more: real processes."""

from __future__ import annotations

import signal
from pathlib import Path

from closedloop.study.chaos.programs import Ended, Interference, run_program_of


def test_a_program_runs_to_its_end_and_what_it_says_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    log = tmp_path / "logs" / "log.txt"
    ended = run_program_of("closedloop", ["--version"], log=log, tell=told.append, interference=Interference())
    assert ended.code == 0
    assert ended.last.startswith("closedloop ")
    assert log.read_text().strip() == ended.last


def test_a_program_is_killed_when_it_is_time(tmp_path: Path) -> None:
    working = tmp_path / "new"
    ended = run_program_of(
        "closedloop",
        ["recording", "make", working, "--seconds", "3000"],
        log=tmp_path / "log.txt",
        tell=lambda _line: None,
        interference=Interference(kills=lambda: any(tmp_path.glob("*new*"))),
    )
    assert ended.code == -signal.SIGKILL


def test_a_file_that_may_not_grow_is_a_full_disk_in_one_line(tmp_path: Path) -> None:
    ended = run_program_of(
        "closedloop",
        ["recording", "make", tmp_path / "new", "--seconds", "5"],
        log=tmp_path / "log.txt",
        tell=lambda _line: None,
        interference=Interference(fills=lambda: True, most_file_bytes=5_000),
    )
    assert (ended.code, ended.was_full) == (1, True)
    assert "expected room" in ended.last or "room" in ended.last, ended


def test_what_a_program_said_after_some_words_is_found() -> None:
    ended = Ended(3, ("Open x", "Waiting for you: copy it", "more"))
    assert ended.starting("Waiting for you: ") == "copy it"
    assert ended.starting("nobody") == "more"
    assert Ended(0, ()).last == "nothing"
