from __future__ import annotations

import json
import os
import queue
import shlex
import stat
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from closedloop.errors import OptionError
from closedloop.service.children.leftovers import MARK
from closedloop.service.notices.command import parse_command
from closedloop.service.notices.notice import Notice, make_notice, trial_notice
from closedloop.service.notices.sender import NoticeSender
from closedloop.service.notices.told import ToldStates
from closedloop.service.state import ServedState, Standing

WAITING = Standing("waiting", 3, "recording", waiting_for="day 3 recording: no file yet", n_done=30)


def notice(standing: Standing = WAITING) -> Notice:
    return make_notice(standing, study="/data/ada", subject="Ada <b>", simulated=False, url="http://here")


def script(folder: Path, text: str) -> str:
    file = folder / "notice it.sh"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return shlex.quote(str(file))


def test_a_command_is_given_everything_as_json(tmp_path: Path) -> None:
    keep = script(tmp_path, 'cat > "$1"')
    command = parse_command(f"{keep} {shlex.quote(str(tmp_path / 'got it'))}")
    assert command.tell(notice()) == ""
    got = json.loads((tmp_path / "got it").read_text())
    assert got.pop("time").endswith("Z")
    assert got == {
        "study": "/data/ada",
        "subject": "Ada <b>",
        "simulated": False,
        "state": "waiting",
        "day": 3,
        "stage": "recording",
        "waiting_for": "day 3 recording: no file yet",
        "held_by": [],
        "error": "",
        "url": "http://here",
        "message": "study ada of Ada <b> waits for you: day 3 recording: no file yet",
    }


@pytest.mark.parametrize(
    ("standing", "message"),
    [
        (Standing("held", 3, "preflight", held_by=("day 3 preflight, hours: 6 h",)), "is held by a gate: day 3 prefl"),
        (Standing("held", 3, "person", held_by=("day 3: held by Mia: ill",)), "is held by a person: day 3: held by M"),
        (Standing("failed", 3, "refit", error="no space"), "stopped with an error, day 3: no space"),
        (Standing("done"), "is done"),
    ],
)
def test_a_message_says_the_day_once_and_who_holds_it(standing: Standing, message: str) -> None:
    assert notice(standing).message.startswith(f"study ada of Ada <b> {message}")


def test_a_test_says_that_it_is_one() -> None:
    told = trial_notice(study="", subject="nobody", simulated=True, url="")
    assert (told.state, told.day, told.message) == ("test", None, "simulated study of nobody is only being tested")


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        ("echo one; echo no route to host >&2; exit 3", "it ended with code 3 and said: no route to host"),
        ("kill -TERM $$", "it ended with signal 15 and said: nothing"),
    ],
)
def test_why_a_command_failed_is_its_last_line(tmp_path: Path, text: str, failed: str) -> None:
    assert parse_command(script(tmp_path, text)).tell(notice()) == failed


def test_a_command_that_is_not_there_is_said() -> None:
    assert parse_command("/no/such/command").tell(notice()) == "/no/such/command: No such file or directory"


def test_a_command_that_reads_nothing_has_not_failed() -> None:
    long = replace(notice(), error="x" * 1_000_000)  # more than a pipe holds
    assert parse_command("true").tell(long) == ""


def test_a_command_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    command = parse_command(script(tmp_path, f"sleep 600 & echo $! > {tmp_path}/child; sleep 600"))
    assert replace(command, most_s=0.3).tell(notice()) == "no end of it within 0.3 s"
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int((tmp_path / "child").read_text())).wait(60)


def test_a_command_that_prints_without_end_is_ended_and_fills_no_disk() -> None:
    assert replace(parse_command("yes"), most_s=20).tell(notice()) == "it printed more than 1,048,576 bytes"


def test_where_there_is_no_room_for_a_temporary_file_a_notice_is_given_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = parse_command(script(tmp_path, f"cat > {shlex.quote(str(tmp_path / 'got'))}"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no room here"))
    assert keep.tell(notice()) == ""
    assert json.loads((tmp_path / "got").read_text())["study"] == "/data/ada"


def test_a_path_that_is_no_utf_8_is_told(tmp_path: Path) -> None:
    keep = parse_command(script(tmp_path, f"cat > {shlex.quote(str(tmp_path / 'got'))}"))
    assert keep.tell(replace(notice(), study="/data/\udcff")) == ""
    assert json.loads((tmp_path / "got").read_bytes())["study"] == "/data/\udcff"


def test_a_command_that_leaves_a_child_with_its_output_open_has_ended_when_it_ends(tmp_path: Path) -> None:
    text = f"setsid sleep 600 & echo $! > {tmp_path}/child; echo why; exit 3"
    assert parse_command(script(tmp_path, text)).tell(notice()) == "it ended with code 3 and said: why"
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int((tmp_path / "child").read_text())).kill()


def test_a_command_is_no_part_of_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would be ended as a leftover of one."""
    monkeypatch.setenv(MARK, "/data/ada")
    assert parse_command(script(tmp_path, f"env > {tmp_path}/environment")).tell(notice()) == ""
    assert MARK not in (tmp_path / "environment").read_text()
    assert os.environ[MARK] == "/data/ada"


@pytest.mark.parametrize("text", ["", "   ", "mail 'unclosed"])
def test_no_command_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="--notice: expected a command, found"):
        parse_command(text)


def test_each_state_is_told_once_whatever_its_words_are(tmp_path: Path) -> None:
    told = ToldStates.read(tmp_path / "told.json")
    assert told.is_news(WAITING)
    told.remember(WAITING)
    assert not told.is_news(WAITING)
    assert not told.is_news(replace(WAITING, waiting_for="day 3 recording: array2.nev is missing"))
    assert told.is_news(replace(WAITING, day=4, n_done=39))
    assert not told.is_news(Standing("running", 3, "refit", n_done=31))


def test_a_restart_tells_nothing_again(tmp_path: Path) -> None:
    told = ToldStates.read(tmp_path / "told.json")
    failed = Standing("failed", 3, "refit", error="no memory", n_done=31)
    for standing in (WAITING, failed):
        assert told.is_news(standing)
        told.remember(standing)
    again = ToldStates.read(tmp_path / "told.json")
    assert not again.is_news(failed)
    assert not again.is_news(replace(WAITING, n_done=31))


WENT_WRONG: list[ServedState] = ["failed", "crashed", "stuck", "held"]


@pytest.mark.parametrize("state", WENT_WRONG)
def test_what_goes_wrong_again_is_told_again_only_after_progress_or_another_try(
    tmp_path: Path, state: ServedState
) -> None:
    told, wrong = ToldStates.read(tmp_path / "told.json"), Standing(state, 3, "refit", n_done=31)
    assert told.is_news(wrong)
    told.remember(wrong)
    assert not told.is_news(wrong)
    assert told.is_news(replace(wrong, n_done=32))
    told.remember(replace(wrong, n_done=32))
    told.forget_faults()
    assert told.is_news(replace(wrong, n_done=32))


def test_another_error_or_another_gate_is_news(tmp_path: Path) -> None:
    told = ToldStates.read(tmp_path / "told.json")
    first = Standing("failed", 3, "refit", error="no memory")
    told.remember(first)
    assert told.is_news(replace(first, error="no disk"))
    held = Standing("held", 3, "intake", held_by=("lost_codes",))
    told.remember(held)
    assert told.is_news(replace(held, held_by=("lost_codes", "site_yield")))


@pytest.mark.parametrize("content", ["", "[]", '{"n_done": "x", "keys": []}', '{"keys": ["a"]}'])
def test_a_damaged_memory_tells_everything_again(tmp_path: Path, content: str) -> None:
    (tmp_path / "told.json").write_text(content)
    assert ToldStates.read(tmp_path / "told.json").is_news(WAITING)


def test_a_failed_notice_is_tried_again_and_then_given_up(tmp_path: Path) -> None:
    tries = tmp_path / "tries"
    said: queue.Queue[str] = queue.Queue()
    command = parse_command(script(tmp_path, f"echo x >> {tries}; echo down >&2; exit 1"))
    sender = NoticeSender(command, said.put, pauses_s=(0.0, 0.0))
    sender.send(notice())
    lines = [said.get(timeout=60) for _ in range(3)]
    assert [line.split(";")[1].partition(":")[0] for line in lines] == [" tried again in 0 s"] * 2 + [" given up"]
    assert "it ended with code 1 and said: down" in lines[0]
    assert tries.read_text() == "x\n" * 3
    sender.close()


def test_a_command_that_hangs_delays_nobody_and_gathers_a_hundred_notices_at_most(tmp_path: Path) -> None:
    said: queue.Queue[str] = queue.Queue()
    hangs = parse_command(script(tmp_path, f"until [ -e {tmp_path}/end ]; do sleep 0.05; done"))
    sender = NoticeSender(hangs, said.put)
    for _ in range(102):  # one may be with the command by then
        sender.send(notice())
    (tmp_path / "end").touch()
    assert "100 wait" in said.get_nowait()
