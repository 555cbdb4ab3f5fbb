"""Whatever a command raises is one line and an exit code; what nobody foresaw is kept for whoever mends it."""

from __future__ import annotations

import atexit
import errno
import os
import resource
import signal
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from closedloop.errors import StudyError
from closedloop.terminal.command import HELP, Program, run_program
from tests.unit.forked import Ended, command, forked


def run(does: Callable[[], object], *words: str, **environment: str) -> Ended:
    """Run a program whose only command does something."""
    app = typer.Typer(context_settings=HELP, rich_markup_mode=None, pretty_exceptions_enable=False)

    @app.command("do")
    def do(number: int = 3) -> None:
        does()

    @app.command("other")
    def other() -> None: ...

    program = Program("tool", app, install={"torch": "pip install 'closedloop[lab]'"})
    return forked(lambda: run_program(program), ["tool", "do", *words], environment=environment)


def raising(error: BaseException) -> Callable[[], object]:
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (StudyError("study: expected a, found b. Mend it."), 1, "study: expected a, found b. Mend it."),
        (StudyError("a\nb\x1b[31m: expected a, found b."), 1, "a\\nb\\x1b[31m: expected a, found b."),
        (MemoryError(), 1, "tool: expected more memory, found none left. Close other programs and run it again."),
        (
            type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory. Tried to allocate 2 GiB"),
            1,
            "tool: expected more memory, found none left. Close other programs and run it again.",
        ),
        (typer.BadParameter("no"), 2, "tool do: Invalid value: no. See `tool do --help`."),
        (
            ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn"),
            1,
            "torch: expected an installed library, found none. Install it: pip install 'closedloop[lab]'",
        ),
        (
            ImportError("libcudart.so: cannot open shared object file", name="torch._C"),
            1,
            "torch: expected a library that can be loaded, found: libcudart.so: cannot open shared object file. "
            "Install it anew: pip install --force-reinstall 'closedloop[lab]'",
        ),
        (
            OSError(errno.EIO, "Input/output error", "/data/array1.nev"),
            1,
            "/data/array1.nev: expected what can be read and written, found: Input/output error. "
            "Mend that, and run the same command again; nothing published is lost.",
        ),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(error: BaseException, code: int, said: str) -> None:
    ended = run(raising(error))
    assert (ended.code, ended.line, ended.out) == (code, said, "")


def test_how_own_processes_end_is_heard_where_whoever_started_the_program_ignores_them() -> None:
    def started_where_children_are_ignored() -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        run_program(Program("tool", app, install={}))

    app = typer.Typer()

    @app.command("do")
    def do() -> None:
        raise typer.Exit(5 + subprocess.run(["false"], check=False).returncode)

    assert forked(started_where_children_are_ignored, ["tool"]).code == 6


def test_a_library_that_breaks_while_it_is_imported_is_named(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("import ctypes\nctypes.CDLL('/nowhere/libcudart.so')\n")

    def use_torch() -> None:
        import sys

        for name in [name for name in sys.modules if name.partition(".")[0] == "torch"]:
            del sys.modules[name]
        sys.path.insert(0, str(tmp_path))
        __import__("torch")

    ended = run(use_torch)
    assert ended.code == 1
    assert ended.line.startswith("torch: expected a library that can be loaded, found: /nowhere/libcudart.so")


def test_a_fault_of_ours_is_one_line_and_its_traceback_is_kept(tmp_path: Path) -> None:
    ended = run(lambda: 1 // 0, XDG_STATE_HOME=str(tmp_path))
    (kept,) = (tmp_path / "closedloop").iterdir()
    assert ended.code == 1
    assert ended.line == (
        "tool: a fault of this program, not of yours: ZeroDivisionError: integer division or modulo by zero. "
        f"Please report it with {kept}; nothing published is lost."
    )
    assert "Traceback" in kept.read_text()
    assert "1 // 0" in kept.read_text()


def test_a_traceback_that_can_be_kept_nowhere_is_still_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = str(tmp_path / "file")
    ended = run(lambda: 1 // 0, XDG_STATE_HOME=nowhere, HOME=nowhere, TMPDIR=nowhere)
    assert "a fault of this program" in ended.line


def test_who_debugs_sees_the_traceback(tmp_path: Path) -> None:
    ended = run(lambda: 1 // 0, CLOSEDLOOP_DEBUG="1", XDG_STATE_HOME=str(tmp_path))
    assert ended.code == 1
    assert "Traceback" in ended.err


def test_an_interrupt_of_which_a_library_makes_another_error_is_an_interrupt() -> None:
    def swallow() -> None:
        try:
            os.kill(os.getpid(), 2)
        except KeyboardInterrupt as error:
            raise ValueError("of the library") from error

    ended = run(swallow)
    assert (ended.code, ended.line) == (130, "Stopped.")


def test_an_interrupted_fork_tidies_up_nothing_of_the_tests(tmp_path: Path) -> None:
    """It runs what is registered for its end: of its own, never what its parent will need for other tests."""
    kept = tmp_path / "kept"
    kept.touch()
    atexit.register(kept.unlink, missing_ok=True)
    try:
        assert run(raising(KeyboardInterrupt())).code == 130
    finally:
        atexit.unregister(kept.unlink)
    assert kept.is_file()


def test_warnings_of_libraries_are_not_the_users_business() -> None:
    def warn() -> None:
        warnings.resetwarnings()  # pytest has them raised
        warnings.simplefilter("ignore")
        warnings.warn("deprecated since 2.0", DeprecationWarning, stacklevel=1)
        import logging

        logging.getLogger("matplotlib").warning("a temporary cache folder")

    assert run(warn).err == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--nmuber", "2"], "tool do: No such option: --nmuber. Did you mean --number? See `tool do --help`."),
        (["extra"], "tool do: Got unexpected extra argument(s) (extra). See `tool do --help`."),
    ],
)
def test_what_is_not_understood_is_one_line(words: list[str], said: str) -> None:
    ended = run(lambda: None, *words)
    assert (ended.code, ended.line) == (2, said)


def test_every_character_is_printed_if_not_as_itself() -> None:
    ended = run(lambda: typer.echo("bytes \udcff, σ, \ud800"))
    assert (ended.code, ended.out) == (0, "bytes \udcff, σ, \\ud800\n")


@pytest.mark.parametrize("program", ["closedloop", "rig"])
def test_nobody_who_reads_is_no_error_of_ours(program: str) -> None:
    """As in `closedloop --help | head -1`, where head has gone; and where nothing can be written, one line."""
    from tests.unit.forked import PROGRAMS

    def unread() -> object:
        reader, writer = os.pipe()
        os.close(reader)
        os.dup2(writer, 1)
        return PROGRAMS[program]()

    def full() -> object:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        os.dup2(os.memfd_create("disk"), 1)
        return PROGRAMS[program]()

    ended = forked(unread, [program, "--help"])
    assert (ended.code, ended.err) == (141, "")
    ended = forked(full, [program, "--help"])
    assert (ended.code, ended.err) == (1, "")  # nothing can be said either


@pytest.mark.parametrize("program", ["closedloop", "rig"])
def test_a_folder_that_was_removed_is_no_place_to_work(tmp_path: Path, program: str) -> None:
    from tests.unit.forked import PROGRAMS

    def removed() -> object:
        gone = tmp_path / "gone"
        gone.mkdir()
        os.chdir(gone)
        gone.rmdir()
        return PROGRAMS[program]()

    ended = forked(removed, [program, "check", "study"])
    assert (ended.code, ended.line) == (
        1,
        f"{program}: expected a folder to stand in, found it removed. `cd` to another and run it again.",
    )


def test_closed_streams_are_no_file_that_is_opened_later(tmp_path: Path) -> None:
    from tests.unit.forked import PROGRAMS

    def closed() -> object:
        import sys

        for number in range(3):
            os.close(number)
        sys.stdin = sys.stdout = sys.stderr = None  # type: ignore[assignment]  # as Python finds them at its start
        return PROGRAMS["closedloop"]()

    ended = forked(closed, ["closedloop", "status", str(tmp_path)])
    assert ended.code == 1


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["run", "-h"], ["recording", "info", "-h"], ["attack", "-h"]])
def test_help_has_a_short_name_everywhere(words: list[str]) -> None:
    ended = command(*words)
    assert ended.code == 0
    assert ended.out.startswith("Usage: closedloop")
    assert "--help" in ended.out
