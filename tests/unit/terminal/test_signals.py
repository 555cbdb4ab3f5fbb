"""A program that is told to end does so at any moment of its start: code 130, one line, no traceback."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.equipment.processes import Child

ROUNDS = 10
START = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background has it ignored
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from closedloop.terminal.signals import end_at_once
end_at_once()  # the first line of both programs
os.write(1, b".")
sys.argv = {words!r}
from {package}.__main__ import main
main()
"""


def told_to_end(words: list[str], *, package: str, after_s: float, by: signal.Signals) -> tuple[int, str]:
    """Start a program and signal it a while after its first line; the while only chooses where it is met."""
    code = START.format(words=words, package=package)
    with Child([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert os.read(process.stdout.fileno(), 1) == b"."
        select.select([], [], [], after_s)
        process.send_signal(by)
        said = process.communicate()[1].decode()
    return process.returncode, said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "words"),
    [
        ("closedloop", ["closedloop", "doctor"]),
        ("closedloop", ["closedloop", "attack", "small_resnet_robust", "/nowhere", "--out", "/nowhere/out"]),
        ("rig", ["rig", "present", "/nowhere"]),
    ],
)
def test_a_signal_in_the_first_300_ms_ends_the_program_quietly(package: str, words: list[str]) -> None:
    random_moments = random.Random(11)
    for _ in range(ROUNDS):
        after_s, by = (
            random_moments.uniform(0, 0.3),
            random_moments.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP]),
        )
        code, said = told_to_end(words, package=package, after_s=after_s, by=by)
        if code != 1:  # 1: it had ended before, for there is no /nowhere
            *before, last = said.splitlines()
            assert (code, last) == (130, "Stopped."), (after_s, by, said)
            # Nothing else, or it was told to end just as it had said why it ends.
            assert not before or (len(before) == 1 and before[0].startswith(("/nowhere", "--out /nowhere"))), said


def test_a_signal_while_libraries_are_imported_ends_the_program() -> None:
    code, said = told_to_end(["closedloop", "doctor"], package="closedloop", after_s=0.0, by=signal.SIGINT)
    assert (code, said) == (130, "Stopped.\n")


INSIDE_EXEC = """
import atexit, signal
import typer
from closedloop.terminal.command import Program, run_program
signal.signal(signal.SIGINT, signal.default_int_handler)
atexit.register(lambda: open("told", "w").write("tidied up"))
app = typer.Typer(pretty_exceptions_enable=False)

@app.command()
def do() -> None:
    exec("import signal; signal.raise_signal(signal.SIGINT)")

run_program(Program("tool", app, install={}))
"""


def test_an_interrupt_inside_of_exec_is_no_other_exit_code(tmp_path: Path) -> None:
    """Python marks it as unhandled, whoever handles it, and with `-m` kills itself by it at its end."""
    (tmp_path / "tool.py").write_text(INSIDE_EXEC)
    done = subprocess.run(
        [sys.executable, "-m", "tool"], check=False, capture_output=True, text=True, cwd=tmp_path, env=os.environ
    )
    assert (tmp_path / "told").read_text() == "tidied up"
    assert (done.returncode, done.stderr) == (130, "Stopped.\n")


AT_ITS_END = """
import atexit, os, signal, sys, threading
import typer
from closedloop.terminal.command import Program, run_program
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.default_int_handler)
app = typer.Typer(pretty_exceptions_enable=False)

class Last:
    def __del__(self, kill=os.kill, own=os.getpid(), number=signal.SIGTERM):
        kill(own, number)

last = Last()

@app.command()
def do(when: str) -> None:
    print("done")
    if when == "tidying":
        atexit.register(signal.raise_signal, signal.SIGTERM)
    else:
        sys.modules["last"] = last

run_program(Program("tool", app, install={}))
"""


@pytest.mark.parametrize("when", ["tidying", "last"])
def test_a_signal_after_all_is_said_changes_no_exit_code(tmp_path: Path, when: str) -> None:
    (tmp_path / "tool.py").write_text(AT_ITS_END)
    done = subprocess.run(
        [sys.executable, tmp_path / "tool.py", when], check=False, capture_output=True, text=True, cwd=tmp_path
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


IGNORED = """
import signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
from closedloop.terminal.signals import at_work, end_at_once
end_at_once()
signal.raise_signal(signal.SIGHUP)
with at_work():
    signal.raise_signal(signal.SIGHUP)
print("went on")
"""


def test_what_is_ignored_stays_ignored() -> None:
    done = subprocess.run([sys.executable, "-c", IGNORED], check=True, capture_output=True, text=True)
    assert done.stdout == "went on\n"
