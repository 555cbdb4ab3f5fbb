"""One study's loop is kept running: real processes in place of the loop, a clock that the tests move."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from closedloop.artifacts.study import StudyDocument
from closedloop.service.children.keeper import Keeper
from closedloop.service.children.leftovers import marked, processes_of
from closedloop.service.children.log import LoopLog
from closedloop.service.children.process import LoopOptions
from closedloop.study.create import create_study
from closedloop.study.ledger import open_ledger
from closedloop.study.process.lock import study_lock
from closedloop.study.process.notes import note_file
from tests.equipment.processes import Child
from tests.unit.study.new_studies import request

IGNORES_THE_END = "trap '' TERM; echo ready; while true; do sleep 0.05; done"
HOLDS_AND_SLEEPS = """
import sys, time
from pathlib import Path
from closedloop.study.process.lock import study_lock
with study_lock(Path(sys.argv[1])):
    sys.stdout.write("held\\n")
    sys.stdout.flush()
    time.sleep(600)
"""
WAITS = HOLDS_AND_SLEEPS.replace("study_lock", "wait_lock").replace("held", "waits")
POLL_S = 0.01


@dataclass
class Kept:
    """A keeper, and the clock that it is told."""

    keeper: Keeper
    now: float = 1000.0
    children: list[int] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.keeper.paths.root

    def step(self, seconds: float = 0.0) -> None:
        """Let so much time go by, and have the keeper look."""
        self.now += seconds
        self.keeper.step(self.now)
        if self.keeper.pid is not None and self.keeper.pid not in self.children:
            self.children.append(self.keeper.pid)

    def until(self, is_so: Callable[[], bool]) -> None:
        """Have the keeper look again and again, on the same moment, until something is so."""
        end = time.monotonic() + 60
        while not is_so():
            self.step()
            assert time.monotonic() < end, self.keeper
            time.sleep(POLL_S)

    def rest(self) -> str:
        """Return why the keeper rests once it does."""
        self.until(lambda: self.keeper.rest is not None)
        return str(self.keeper.rest)


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Callable[..., Kept]]:
    """Return what keeps a program, or lines of a shell, running in place of the loop of a new study."""
    kept = []

    def start(*program: str) -> Kept:
        paths = create_study(request(tmp_path))
        options = LoopOptions(program=("/bin/sh", "-c", *program) if len(program) == 1 else program)
        kept.append(Kept(Keeper(paths, LoopLog(tmp_path / "own" / "log.txt"), options)))
        return kept[-1]

    yield start
    for one in kept:
        one.keeper.kill()
        one.keeper.end(one.now)
        one.until(lambda keeper=one.keeper: keeper.is_over)


@pytest.mark.parametrize(("code", "rest"), [(0, "done"), (1, "failed"), (2, "failed"), (3, "waiting"), (4, "held")])
def test_how_a_loop_ended_says_what_it_needs(keep: Callable[[str], Kept], code: int, rest: str) -> None:
    kept = keep(f"exit {code}")
    assert kept.rest() == rest
    kept.step(5.0)
    kept.step(4.9)
    assert len(kept.children) == 1  # nothing changed: it is left alone
    kept.step(10_000.0)
    assert len(kept.children) == (2 if rest == "failed" else 1)


def test_a_fault_is_told_in_the_loops_own_last_words(keep: Callable[[str], Kept]) -> None:
    kept = keep("echo 'day 0 is begun'; echo 'refit: expected memory, found none. Free some.' >&2; exit 1")
    kept.rest()
    standing = kept.keeper.standing()
    assert (standing.state, standing.error) == ("failed", "refit: expected memory, found none. Free some.")


@pytest.mark.parametrize("code", [0, 1, 3, 4])
def test_a_change_in_the_study_starts_it_again(keep: Callable[[str], Kept], code: int) -> None:
    kept = keep(f"exit {code}")
    kept.rest()
    (kept.root / "day-00" / "recording").mkdir(parents=True)
    (kept.root / "day-00" / "recording" / "array1.nev").write_bytes(b"x")
    kept.step(1.0)
    assert len(kept.children) == 1  # it looks every five seconds
    kept.step(5.0)
    assert len(kept.children) == 2


def test_another_study_in_its_place_is_told_and_left_alone(keep: Callable[[str], Kept]) -> None:
    kept = keep("exit 3")
    own = StudyDocument.read(kept.keeper.paths.study)
    kept.keeper.study_id = own.study_id
    kept.rest()
    own.model_copy(update={"study_id": "another"}).write(kept.keeper.paths.study)
    kept.step(5.0)
    standing = kept.keeper.standing()
    assert standing.state == "failed"
    assert f"({own.study_id}), found another one in its place (another)" in standing.error
    kept.step(100.0)
    assert len(kept.children) == 1
    own.write(kept.keeper.paths.study)
    kept.step(5.0)
    assert len(kept.children) == 2


def test_new_pages_are_no_change(keep: Callable[[str], Kept]) -> None:
    kept = keep("exit 3")
    kept.rest()
    (kept.root / "report").mkdir()
    (kept.root / "report" / "index.html").write_text("new")
    kept.step(10.0)
    assert len(kept.children) == 1


def test_a_fault_is_tried_again_less_and_less_often_and_when_somebody_asks(keep: Callable[[str], Kept]) -> None:
    kept = keep("exit 1")
    for n, pause_s in enumerate((10.0, 20.0, 40.0, 80.0, 160.0, 320.0), start=1):
        kept.rest()
        kept.step(pause_s - 0.1)
        assert len(kept.children) == n
        kept.step(0.1)
        assert len(kept.children) == n + 1
    kept.rest()
    kept.keeper.ask(kept.now)
    kept.step()
    assert len(kept.children) == 8


def test_a_crash_is_tried_again_after_longer_and_longer_pauses(keep: Callable[[str], Kept]) -> None:
    kept = keep("kill -KILL $$")
    for pause_s in (1.0, 2.0, 4.0, 8.0):
        assert kept.rest() == "crashed"
        assert kept.keeper.standing().error == "closedloop run was ended by SIGKILL"
        kept.step(pause_s - 0.01)
        assert kept.keeper.pid is None
        kept.step(0.01)
        assert kept.keeper.pid is not None


def test_a_crash_after_progress_is_the_first_again(keep: Callable[[str], Kept]) -> None:
    kept = keep("exit 9")
    for pause_s in (1.0, 2.0):
        assert kept.rest() == "crashed"
        kept.step(pause_s)
    with open_ledger(kept.keeper.paths.ledger) as ledger:
        ledger.finish(-1, "start", "hash", seconds=1.0)
    assert kept.rest() == "crashed"
    kept.step(1.0)
    assert len(kept.children) == 4


def test_a_loop_of_somebody_else_is_waited_for(keep: Callable[[str], Kept]) -> None:
    kept = keep("exit 3")
    with study_lock(kept.root):
        assert kept.rest() == "elsewhere"
        kept.step(100.0)
        assert kept.children == []
    kept.step(5.0)
    assert len(kept.children) == 1


def test_what_an_earlier_loop_left_behind_is_ended_before_a_new_one_starts(keep: Callable[[str], Kept]) -> None:
    kept = keep("exit 3")
    with Child(["sleep", "600"], env=marked(os.environ, kept.root), start_new_session=True) as left:
        kept.step()
        assert kept.children == []
        assert left.wait(60) == -signal.SIGTERM
    assert kept.rest() == "waiting"


def test_what_does_not_end_when_asked_is_killed_after_a_minute(keep: Callable[[str], Kept]) -> None:
    kept = keep("exit 3")
    command = ["/bin/sh", "-c", IGNORES_THE_END]
    with Child(command, env=marked(os.environ, kept.root), stdout=subprocess.PIPE) as left:
        assert left.stdout is not None
        left.stdout.readline()
        kept.step()
        kept.step(60.0)
        assert left.poll() is None
        kept.step(0.1)
        assert left.wait(60) == -signal.SIGKILL
    assert kept.rest() == "waiting"


def test_a_process_of_another_study_is_left_alone(keep: Callable[[str], Kept], tmp_path: Path) -> None:
    kept = keep("exit 3")
    with Child(["sleep", "600"], env=marked(os.environ, tmp_path / "study2")) as other:
        assert kept.rest() == "waiting"
        assert other.poll() is None
        other.kill()


def test_the_rig_of_a_killed_loop_is_ended(keep: Callable[[str], Kept]) -> None:
    kept = keep("setsid sleep 600 & echo $!; kill -KILL $$")
    assert kept.rest() == "crashed"
    rig = int(kept.keeper.log.path.read_text())
    kept.step(1.0)
    assert kept.keeper.pid is None
    kept.until(lambda: kept.keeper.pid is not None)
    with suppress(psutil.NoSuchProcess):
        assert psutil.Process(rig).status() == psutil.STATUS_ZOMBIE


def test_it_ends_its_loop_and_starts_none_any_more(keep: Callable[[str], Kept]) -> None:
    kept = keep("exec sleep 600")
    kept.step()
    kept.keeper.end(kept.now)
    kept.until(lambda: kept.keeper.is_over)
    kept.step(1000.0)
    assert (len(kept.children), kept.keeper.rest) == (1, "ended")
    assert processes_of(kept.root) == set()


def test_what_its_loop_leaves_behind_ends_with_it(keep: Callable[[str], Kept]) -> None:
    kept = keep(f'setsid /bin/sh -c "{IGNORES_THE_END}" & wait')
    kept.until(lambda: kept.keeper.log.last_line() == "ready")
    kept.keeper.end(kept.now)
    kept.until(lambda: kept.keeper.pid is None)
    kept.step()
    assert not kept.keeper.is_over
    kept.step(60.1)
    kept.until(lambda: kept.keeper.is_over)


def test_a_loop_at_rest_begins_anew_when_somebody_asks(keep: Callable[..., Kept]) -> None:
    kept = keep(sys.executable, "-c", WAITS)
    kept.until(lambda: kept.keeper.log.last_line() == "waits")
    kept.step()
    kept.step(2.0)
    kept.keeper.ask(kept.now)
    kept.until(lambda: len(kept.children) == 2)
    assert (kept.keeper.rest, kept.keeper.n_crashes) == (None, 0)


def test_a_loop_at_work_is_not_disturbed_when_somebody_asks(keep: Callable[[str], Kept]) -> None:
    kept = keep("exec sleep 600")
    kept.step()
    kept.step(2.0)
    kept.keeper.ask(kept.now)
    kept.step(70.0)
    assert len(kept.children) == 1
    assert kept.keeper.rest is None


def test_a_loop_that_does_not_end_is_killed_after_a_minute(keep: Callable[[str], Kept]) -> None:
    kept = keep(IGNORES_THE_END)
    kept.until(lambda: kept.keeper.log.last_line() == "ready")
    kept.keeper.end(kept.now)
    kept.step(60.0)
    assert not kept.keeper.is_over
    kept.step(0.1)
    kept.until(lambda: kept.keeper.is_over)


def test_a_loop_that_does_nothing_is_said_to_be_stuck_and_ended_after_an_hour(keep: Callable[..., Kept]) -> None:
    kept = keep(sys.executable, "-c", HOLDS_AND_SLEEPS)
    kept.until(lambda: kept.keeper.log.last_line() == "held")
    os.kill(kept.children[0], signal.SIGSTOP)  # it hears of no signal but those that go on with it, or kill it
    kept.step(10.0)
    while kept.now < 1000.0 + 1800.0:
        assert kept.keeper.standing().state == "running"
        kept.step(200.0)
    kept.step(200.0)
    standing = kept.keeper.standing()
    assert standing.state == "stuck"
    assert standing.error.endswith("min; a signal stopped it.")
    while kept.now < 1000.0 + 3600.0:
        assert kept.keeper.rest is None
        kept.step(200.0)
    kept.step(200.0)
    assert kept.rest() == "crashed"
    assert kept.keeper.standing().error.startswith("ended because it was stuck: ")
    kept.step(1.0)
    assert len(kept.children) == 2


def test_a_stage_that_moves_is_not_stuck_however_long_it_takes(keep: Callable[..., Kept]) -> None:
    kept = keep(sys.executable, "-c", HOLDS_AND_SLEEPS)
    kept.until(lambda: kept.keeper.log.last_line() == "held")
    kept.root.joinpath("day-00").mkdir()
    for hours in range(50):
        note = {"day": 0, "stage": "refit", "done": hours, "total": 50, "began": 0.0, "moved": 290.0 * hours}
        note_file(kept.keeper.paths, 0, "refit").write_text(json.dumps(note))
        kept.step(290.0)
        assert kept.keeper.standing().state == "running"
    assert len(kept.children) == 1


def test_a_stuck_loop_of_somebody_else_is_left_to_them(keep: Callable[[str], Kept]) -> None:
    kept = keep("exec sleep 600")
    kept.step()
    with study_lock(kept.root):  # by this process, which has the note of no stage
        while kept.now < 1000.0 + 7200.0:
            kept.step(200.0)
    assert kept.keeper.stuck == ""
    assert kept.keeper.rest is None


def test_a_loop_ends_with_the_service_that_started_it(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, os\n"
        "guard = [sys.executable, '-m', 'closedloop.service.children.guard', str(os.getpid())]\n"
        "child = subprocess.Popen([*guard, '/bin/sh', '-c', 'echo $$; exec sleep 600'], start_new_session=True)\n"
        "child.wait()\n"
    )
    with Child([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        loop = psutil.Process(int(service.stdout.readline()))
        assert loop.is_running()
        service.kill()
    psutil.wait_procs([loop], timeout=60)
    assert not loop.is_running()


def test_a_loop_whose_service_ended_before_it_began_does_not_begin() -> None:
    command = [sys.executable, "-m", "closedloop.service.children.guard", "1", "/bin/echo", "begun"]
    finished = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (finished.returncode, finished.stdout) == (143, "")
