"""A process that may hang, crash and swell, and what is heard of it."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from closedloop.confined import asking
from closedloop.confined.asking import end_idle_helper, run_confined
from closedloop.confined.protocol import ConfinedError, FunctionPlace, Limits
from closedloop.errors import CheckpointError, ExecutionError
from closedloop.execution.local import run_in_processes
from tests.equipment.processes import Child
from tests.unit.confined import questions
from tests.unit.forked import forked
from tests.unit.messages import refused

SMALL = Limits(cpu_s=1, wall_s=60.0, memory_bytes=64 << 20)


def ask(function: Callable[..., Any] | FunctionPlace, *arguments: Any, limits: Limits = SMALL) -> Any:
    return run_confined(function, *arguments, limits=limits)[0]


def test_an_answer_is_a_value_and_parts_of_bytes() -> None:
    value, parts = run_confined(questions.send, 3_000_000, 3, limits=SMALL)
    assert value == "parts"
    assert [bytes(part) for part in parts] == [bytes([n]) * 3_000_000 for n in range(3)]


def test_one_child_answers_as_long_as_it_can_and_another_one_the_next_question() -> None:
    first = ask(questions.pid)
    assert ask(questions.pid) == first != os.getpid()
    with pytest.raises(ConfinedError):
        ask(questions.stumble)
    assert ask(questions.pid) != first


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (questions.swell, "needs more than 64 MB of memory"),
        (questions.crash, "ends in signal 11"),
        (questions.leave, "breaks off"),
        (questions.break_off, "KeyError ('half')"),
        (questions.stumble, "RuntimeError (of two lines xxx"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_becomes_of_a_child_is_said_in_a_few_words_and_the_next_question_is_answered(
    question: Callable[..., Any], said: str
) -> None:
    with pytest.raises(ConfinedError) as caught:
        ask(question)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    assert ask(questions.add, 2, 3) == 5


def test_a_helper_that_nobody_asks_is_ended_and_the_next_question_starts_another() -> None:
    first = ask(questions.pid)
    end_idle_helper(after_s=1000.0)
    assert ask(questions.pid) == first
    end_idle_helper(after_s=0.0)
    end_idle_helper(after_s=0.0)  # there is none
    assert ask(questions.pid) != first


def test_a_question_that_is_being_answered_is_answered() -> None:
    with ThreadPoolExecutor(1) as pool:
        answers = pool.map(lambda _: ask(questions.add, 2, 3), range(20))
        for answer in answers:
            end_idle_helper(after_s=0.0)
            assert answer == 5


def test_who_asks_by_a_name_need_not_load_what_answers() -> None:
    assert ask(FunctionPlace("tests.unit.confined.questions", "add"), 2, 3) == 5


@pytest.mark.slow
def test_a_child_that_never_ends_is_ended_by_its_processor_time() -> None:
    with pytest.raises(ConfinedError, match="no end of reading it within 1 s of processor time"):
        ask(questions.spin)
    assert ask(questions.add, 2, 3) == 5


def test_one_that_waits_for_ever_is_ended_by_the_clock() -> None:
    with pytest.raises(ConfinedError, match="no end of reading it within 0 s"):
        ask(questions.sleep, limits=Limits(cpu_s=1, wall_s=0.2))
    assert ask(questions.add, 2, 3) == 5


def test_an_answer_that_is_too_large_is_not_taken() -> None:
    with pytest.raises(ConfinedError, match="more than 1 MB"):
        ask(questions.send, 300_000, 5, limits=Limits(memory_bytes=1 << 20))
    assert ask(questions.add, 2, 3) == 5


def test_errors_for_a_person_and_of_the_disk_come_through_as_they_are(tmp_path: Path) -> None:
    with refused(CheckpointError, tmp_path, "expected weights, found none. Give others."):
        ask(questions.refuse, str(tmp_path))
    with pytest.raises(FileNotFoundError) as caught:
        ask(questions.miss, "where")
    assert (caught.value.errno, caught.value.filename) == (2, "where")


def test_a_child_writes_nothing_to_the_screen_nor_to_a_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ask(questions.shout)
    assert capfd.readouterr() == ("", "")
    with pytest.raises(OSError, match="File too large"):
        ask(questions.write, str(tmp_path / "file"))


def test_a_helper_that_somebody_ended_is_started_again() -> None:
    """Its end is no fault of the file's: nothing is said of it, and nothing of a damaged file."""
    helper = run_confined(questions.parent, limits=SMALL)[0]
    os.kill(helper, signal.SIGKILL)
    assert ask(questions.parent) != helper


def test_a_helper_that_is_silent_is_this_machine_s_fault_and_none_of_the_file_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    helper = run_confined(questions.parent, limits=SMALL)[0]
    os.kill(helper, signal.SIGSTOP)
    monkeypatch.setattr("closedloop.confined.asking._START_S", 0.05)
    with pytest.raises(ExecutionError, match=r"found it silent for .* run again\."):
        ask(questions.parent)
    monkeypatch.undo()
    assert ask(questions.parent) != helper


def test_threads_may_ask_at_once() -> None:
    found: dict[int, Any] = {}
    threads = [
        threading.Thread(target=lambda n=n: found.update({n: ask(questions.add, n, 1)}))  # type: ignore[misc]
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: n + 1 for n in range(8)}


def test_forked_workers_ask_helpers_of_their_own(tmp_path: Path) -> None:
    ours = ask(questions.parent)

    def leave(n: int) -> None:
        (tmp_path / str(n)).write_text(str(ask(questions.parent)))

    run_in_processes([lambda n=n: leave(n) for n in range(2)], n_processes=2)  # type: ignore[misc]
    theirs = {int(path.read_text()) for path in tmp_path.iterdir()}
    assert len(theirs) == 2
    assert ours not in theirs
    assert ask(questions.parent) == ours


def test_a_fault_is_told_where_whoever_asks_ignores_how_its_processes_end() -> None:
    def fail_twice() -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        heard = 0
        for _ in range(2):
            with pytest.raises(ConfinedError, match="RuntimeError"):
                ask(questions.stumble)
            heard += 1
        sys.exit(heard)

    assert forked(fail_twice, []).code == 2


def test_a_default_timeout_of_sockets_that_a_library_has_set_is_none_of_the_helper_s() -> None:
    end_idle_helper(after_s=0.0)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(20.0)
    try:
        helper = ask(questions.parent)
        for _ in range(3):
            with pytest.raises(ConfinedError):
                ask(questions.stumble)
        assert ask(questions.parent) == helper
    finally:
        socket.setdefaulttimeout(before)


def test_a_helper_that_cannot_begin_is_told_with_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    end_idle_helper(after_s=0.0)
    monkeypatch.setattr(asking, "_PROGRAM", "raise ImportError('no h5py')")
    with refused(
        ExecutionError, sys.executable, "found it ended twice (exit code 1, ImportError: no h5py). Free some memory"
    ):
        ask(questions.pid)


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_the_helper_ends_with_its_process_however_that_ends(end: signal.Signals) -> None:
    program = (
        "from closedloop.confined.asking import run_confined; from closedloop.confined.protocol import Limits; "
        "from tests.unit.confined import questions; "
        "print(run_confined(questions.parent, limits=Limits())[0], flush=True); input()"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with Child(
        [sys.executable, "-c", program],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        helper = os.pidfd_open(int(process.stdout.readline()))
        process.send_signal(end)
    ended = select.poll()
    ended.register(helper, select.POLLIN)
    assert ended.poll(60_000)
    os.close(helper)


def test_the_limits_of_a_file_grow_with_its_size() -> None:
    small, large = (Limits.of_file(n, bytes_per_s=1e8, growth=2.0) for n in (1000, 10**9))
    assert small == Limits(1, pytest.approx(8.0, abs=0.01), Limits.memory_bytes + 2000)
    assert (large.cpu_s, large.memory_bytes) == (11, Limits.memory_bytes + 2 * 10**9)
