"""A command line run in a fork of this process: real streams, signals, exit codes, and no time for imports."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

import closedloop.__main__
import closedloop.cli
import rig.__main__
import rig.cli

PROGRAMS: dict[str, Callable[[], object]] = {"closedloop": closedloop.__main__.main, "rig": rig.__main__.main}
for _app, _words in (
    (closedloop.cli.app, ["run", "x"]),
    (rig.cli.app, ["check", "x"]),
):  # typer imports at its first use
    _group = typer.main.get_command(_app)
    _group.commands[_words[0]].make_context(_words[0], _words[1:])  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line of an error."""
        (line,) = self.err.splitlines()
        return line


def command(*words: str | Path, program: str = "closedloop", cwd: Path | None = None, **environment: str) -> Ended:
    """Run a command line of ours."""
    return forked(PROGRAMS[program], [program, *map(str, words)], cwd=cwd, environment=environment)


def forked(
    main: Callable[[], object],
    words: Sequence[str],
    *,
    cwd: Path | None = None,
    environment: dict[str, str] | None = None,
) -> Ended:
    """Run the main function of a program in a fork, to its exit code."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            streams = (out.fileno(), err.fileno())
            _be_the_program(main, words, streams=streams, cwd=cwd, environment=environment or {})
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        return Ended(code, *(file.read().decode(errors="surrogateescape") for file in (out, err)))


def _be_the_program(
    main: Callable[[], object],
    words: Sequence[str],
    *,
    streams: tuple[int, int],
    cwd: Path | None,
    environment: dict[str, str],
) -> None:
    code: Any = 99
    atexit._clear()  # what the tests tidy up at their end is not this program's: an interrupted one runs all of it
    gc.freeze()  # the collector would go through all that the tests have imported, and get a copy of it
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background has it ignored
        for number, stream in enumerate(streams, start=1):
            os.dup2(stream, number)
        sys.stdout, sys.stderr = (os.fdopen(one, "w", closefd=False, encoding="utf-8") for one in (1, 2))
        sys.argv = list(words)
        os.environ.update(environment)
        if cwd is not None:
            os.chdir(cwd)
        main()
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001 - a forked child must not run the parent's handlers
        traceback.print_exc()
    finally:
        os._exit(code or 0)
