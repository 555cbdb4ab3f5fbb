"""A loop that moves, is slow, or stands still; told apart on numbers, and on real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from closedloop.artifacts.study import StudyPaths
from closedloop.study.process.lock import study_lock
from closedloop.study.process.notes import Noting, ProgressNote
from closedloop.study.process.tree import ProcessTree, pid_here, read_tree
from closedloop.study.process.watchdog import STUCK_S, LoopVerdict, Movement, Sighting, judge, latest_note, sight, watch
from tests.equipment.processes import Child

NOTE = ProgressNote(1, "refit", 10, 40, began=0.0, moved=100.0)
AT_WORK_S, PATIENCE_S = 20.0, 60.0


def looks(*seen: tuple[float, float | None, float], holder: str = "here:7") -> list[LoopVerdict]:
    """Return the verdicts of looks: when, what the processes had used by then, when the stage moved last."""
    watched, verdicts = None, []
    for at, cpu_s, moved in seen:
        tree = None if cpu_s is None else ProcessTree(7, cpu_s)
        watched = watch(watched, Sighting(at, holder, replace(NOTE, moved=moved), tree))
        verdicts.append(judge(watched))
    return verdicts


def every_minute(minutes: int, cpu_s: Callable[[int], float | None], moved: Callable[[int], float]) -> LoopVerdict:
    return looks(*((60.0 * minute, cpu_s(minute), moved(minute)) for minute in range(minutes + 1)))[-1]


@pytest.mark.parametrize(
    ("cpu_s", "moved", "movement"),
    [
        (lambda _: 5.0, lambda minute: minute, "moves"),  # its work is done elsewhere, and comes in
        (lambda minute: 50.0 * minute, lambda _: 0, "slow"),
        (lambda _: 5.0, lambda _: 0, "stuck"),
        (lambda minute: 0.05 * minute, lambda _: 0, "stuck"),  # it wakes up now and then
        (lambda _: None, lambda _: 0, "unknown"),
    ],
)
def test_what_half_an_hour_of_looks_tells(
    cpu_s: Callable[[int], float | None], moved: Callable[[int], float], movement: Movement
) -> None:
    before, after = every_minute(29, cpu_s, moved), every_minute(30, cpu_s, moved)
    assert before.movement == "moves"
    assert after.movement == movement
    assert bool(after.why) is (movement != "moves")


def test_a_stuck_stage_is_named_with_how_long_nothing_has_happened() -> None:
    said = every_minute(45, lambda _: 5.0, lambda _: 0).why
    assert said == "day 1 refit of here:7 has said nothing for 45 min, and used no processor time for 45 min."


def test_a_stage_that_works_again_is_slow_and_one_that_moves_again_moves() -> None:
    still = [(60.0 * minute, 5.0, 0.0) for minute in range(41)]
    verdicts = looks(*still, (2_460.0, 9.0, 0.0), (2_520.0, 9.0, 2_500.0))
    assert [one.movement for one in verdicts[-3:]] == ["stuck", "slow", "moves"]


def test_a_worker_that_ends_is_no_standstill() -> None:
    """What it had used goes with it where nobody waited for it: less than before is a sign of life."""
    assert every_minute(40, lambda minute: 100.0 if minute < 20 else 5.0, lambda _: 0).movement == "slow"


def test_another_loop_is_watched_from_its_own_beginning() -> None:
    watched = None
    for minute in range(40):
        holder = "here:7" if minute < 20 else "here:8"
        watched = watch(watched, Sighting(60.0 * minute, holder, NOTE, ProcessTree(7, 5.0)))
    assert watched is not None
    assert judge(watched).movement == "moves"


def test_a_time_in_which_nobody_looked_is_not_counted() -> None:
    """A service that was itself stopped, with all others, sees nothing move at its next look."""
    assert [one.movement for one in looks((0.0, 5.0, 0.0), (2 * STUCK_S, 5.0, 0.0))] == ["moves", "moves"]


def test_a_study_that_nobody_holds_is_idle(tmp_path: Path) -> None:
    assert judge(watch(None, sight(StudyPaths(tmp_path)))) == LoopVerdict("idle")


def test_a_process_of_another_machine_is_none_here(tmp_path: Path) -> None:
    assert pid_here("another.machine:12") is None
    with study_lock(tmp_path):
        seen = sight(StudyPaths(tmp_path))
    assert seen.holder is not None
    assert pid_here(seen.holder) == psutil.Process().pid
    assert seen.tree is not None
    assert read_tree(2**22 + 1) is None


def test_the_note_that_moved_last_is_the_one_that_counts(tmp_path: Path) -> None:
    paths = StudyPaths(tmp_path)
    for day, stage, at in [(-1, "start", 50.0), (0, "plan", 90.0), (1, "refit", 70.0)]:
        if day >= 0:
            paths.day(day).root.mkdir()
        Noting(lambda _done, _total: None, paths, day=day, stage=stage, now=lambda at=at: at)
    note = latest_note(paths)
    assert note is not None
    assert (note.day, note.stage, note.moved) == (0, "plan", 90.0)
    assert latest_note(StudyPaths(tmp_path / "none")) is None


COMPUTES = "while True: pass"
SLEEPS = "import time; time.sleep(600)"
ITS_WORKER_COMPUTES = (
    "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import sys; print(flush=True)\\nwhile True: pass'])"
)
HOLDS = """
import sys
from pathlib import Path
from closedloop.study.process.lock import study_lock
with study_lock(Path(sys.argv[1])):
    print("held", flush=True)
    exec(sys.argv[2])
"""


@contextmanager
def loop_that(does: str, root: Path) -> Iterator[psutil.Process]:
    """Run a process that holds a study and does something; its workers are ended with it."""
    with Child([sys.executable, "-c", HOLDS, root, does], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGCONT)
            for one in (*psutil.Process(process.pid).children(recursive=True), process):
                one.kill()


def until(condition: Callable[[], bool]) -> None:
    """Look again until something is so."""
    deadline = time.monotonic() + AT_WORK_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def verdict_of(root: Path, wait: Callable[[Sighting], None]) -> LoopVerdict:
    """Look at a loop twice, with something awaited in between; the second look counts as a minute later."""
    first = sight(StudyPaths(root))
    wait(first)
    second = replace(sight(StudyPaths(root)), at=first.at + PATIENCE_S)
    return judge(watch(watch(None, first), second), stuck_s=PATIENCE_S)


def has_worked(root: Path, first: Sighting) -> bool:
    now = sight(StudyPaths(root))
    return now.tree is not None and first.tree is not None and now.tree.cpu_s > first.tree.cpu_s + 0.15


@pytest.mark.parametrize("does", [COMPUTES, ITS_WORKER_COMPUTES])
def test_a_process_that_computes_or_whose_worker_does_is_slow(tmp_path: Path, does: str) -> None:
    with loop_that(does, tmp_path) as process:
        until(lambda: bool(process.children()) or does == COMPUTES)
        said = verdict_of(tmp_path, lambda first: until(lambda: has_worked(tmp_path, first)))
    assert said.movement == "slow"


def test_a_process_that_sleeps_is_stuck(tmp_path: Path) -> None:
    with loop_that(SLEEPS, tmp_path) as process:
        until(lambda: process.status() == psutil.STATUS_SLEEPING)
        assert verdict_of(tmp_path, lambda _: None).movement == "stuck"


def test_a_process_that_a_signal_stops_is_stuck_until_it_is_let_go_on(tmp_path: Path) -> None:
    with loop_that(COMPUTES, tmp_path) as process:
        process.suspend()
        until(lambda: process.status() == psutil.STATUS_STOPPED)
        stopped = verdict_of(tmp_path, lambda _: None)
        process.resume()
        resumed = verdict_of(tmp_path, lambda first: until(lambda: has_worked(tmp_path, first)))
    assert stopped.movement == "stuck"
    assert stopped.why.endswith("; a signal stopped it.")
    assert resumed.movement == "slow"
