from __future__ import annotations

import os
import subprocess
from pathlib import Path

from closedloop.service.children.log import LoopLog


def test_what_processes_print_is_appended_and_the_last_line_is_of_the_last_one(tmp_path: Path) -> None:
    log = LoopLog(tmp_path / "own" / "log.txt")
    say(log, "first")
    since = log.size()
    assert log.last_line(since) == ""
    say(log, "second\n\n  third \n\n")
    assert log.last_line(since) == "third"
    assert log.last_line() == "third"


def test_a_log_stays_small_and_who_appends_goes_on(tmp_path: Path) -> None:
    log = LoopLog(tmp_path / "log.txt", most_bytes=100)
    with log.opened() as writer:
        os.write(writer, b"a" * 70 + b"\n")
        log.keep_small()
        assert log.size() == 71
        assert not log.older.exists()
        os.write(writer, b"b" * 70 + b"\n")
        log.keep_small()
        os.write(writer, b"new\n")
    assert log.path.read_bytes() == b"new\n"
    assert log.older.read_bytes() == b"a" * 28 + b"\n" + b"b" * 70 + b"\n"
    assert log.last_line(since=71) == "new"


def test_what_a_terminal_would_act_on_is_written_out(tmp_path: Path) -> None:
    log = LoopLog(tmp_path / "log.txt")
    say(log, "\x1b[2Jgone\n")
    assert log.last_line() == "\\x1b[2Jgone"


def say(log: LoopLog, text: str) -> None:
    with log.opened() as writer:
        subprocess.run(["printf", "%s", text], check=True, stdout=writer)
