"""Runs a program's command line: whatever happens is one line on standard error, and an exit code.

0 done, 1 an error, 2 a command line of which a word is not understood, whatever the files are, 130 interrupted, 141
nobody reads what is printed. A command may end with codes of its own: `closedloop run` with 3 where it waits for a
person, with 4 where a gate holds.
"""

from __future__ import annotations

import atexit
import logging
import os
import re
import sys
import traceback
import warnings
from dataclasses import dataclass
from typing import NoReturn

import typer

from closedloop.errors import ClosedLoopError, OptionError
from closedloop.terminal.anew import allow_beginning_anew
from closedloop.terminal.faults import DEBUG, fault_line, library_of
from closedloop.terminal.help import Sections, plain_help
from closedloop.terminal.signals import (
    INTERRUPTED,
    end_at_once,
    end_imports_at_once,
    end_with,
    hear_of_children,
    is_end_asked_for,
)
from closedloop.terminal.streams import UNREAD, flushed, one_line, prepare_streams, say, unprinted_line

_FAILED, _MISUSED = 1, 2
_MOST_WORD = 40  # characters of what was given
_OF_A_CARD = "OutOfMemoryError"  # torch's, by its name: nobody who waits for a line wants torch imported for it


HELP = {"help_option_names": ["-h", "--help"]}
"""Settings of a program's commands: `-h` is understood by each."""


_WORDS = {  # typer's, for a reader who never heard of it
    "Input should be a valid integer, unable to parse string as an integer": "expected a whole number",
    "Input should be a valid number, unable to parse string as a number": "expected a number",
    "Input should be less than or equal to": "expected a number of at most",
    "Input should be greater than or equal to": "expected a number of at least",
    "Input should be less than": "expected a number below",
    "Input should be greater than": "expected a number above",
    "Input should be": "expected what is",
    "Value error, ": "",
}
_NOT_ONE_OF = re.compile(r"(?<=: )'(?P<word>.*)' is not one of (?P<names>'.*')\.?$", re.DOTALL)


@dataclass(frozen=True)
class Program:
    """A command line.

    Attributes
    ----------
    name
        As it is called.
    app
        Its commands.
    install
        By the import name of each library that may be missing, the command that installs it.
    sections
        How the help lists the commands; None: one below the other.
    """

    name: str
    app: typer.Typer
    install: dict[str, str]
    sections: Sections | None = None


def run_program(program: Program) -> NoReturn:
    """Run a program's command line, and end the process with its exit code."""
    try:
        hear_of_children()
        prepare_streams()
        allow_beginning_anew()
        _quiet_libraries()
        end_imports_at_once()
        status = _refuse_no_place(program) or _refuse_empty_words(program) or _run(program)
    except BaseException as error:  # noqa: BLE001 - the last place where anything can be said
        end_at_once()
        status = _answer(error, program)
    end_at_once()
    if status == INTERRUPTED and is_end_asked_for():
        say("Stopped.")
    status = flushed(status)
    end_with(status)
    if status == INTERRUPTED:  # Python would kill itself once more where it came in an `exec`, as of libraries
        atexit._run_exitfuncs()
        os._exit(status)
    sys.exit(status)


def _refuse_no_place(program: Program) -> int:
    """Refuse to work where there is no folder any more: some libraries end the process there, with words of theirs."""
    try:
        os.getcwd()  # noqa: PTH109 - to see whether there is one
    except OSError:
        say(f"{program.name}: expected a folder to stand in, found it removed. `cd` to another and run it again.")
        return _FAILED
    return 0


def _refuse_empty_words(program: Program) -> int:
    """Refuse what a shell makes of a variable that is not set: an empty path would be the folder one stands in."""
    if "" not in sys.argv[1:]:
        return 0
    before = sys.argv[1:].index("")
    place = f"after {sys.argv[before]!r}" if before else "at the beginning"
    say(f"{program.name}: expected no empty words, found one {one_line(place)}. Is a variable of the shell not set?")
    return _MISUSED


def missing_library(library: str, install: str) -> str:
    """Return the line that says that a library is not there, and the command that installs it."""
    return f"{library}: expected an installed library, found none. Install it: {install}"


def _run(program: Program) -> int:
    command = plain_help(typer.main.get_command(program.app), sections=program.sections)
    status = command.main(prog_name=program.name, standalone_mode=False)
    return status if isinstance(status, int) else 0


def _answer(error: BaseException, program: Program) -> int:
    if isinstance(error, BrokenPipeError) or isinstance(error.__context__, BrokenPipeError):
        return UNREAD
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 0 if error.code is None else _FAILED
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    if isinstance(error, ClosedLoopError):
        say(one_line(str(error)))
        return _MISUSED if isinstance(error, OptionError) else _FAILED
    if isinstance(error, KeyboardInterrupt | typer.Abort) or is_end_asked_for():
        return INTERRUPTED
    if hasattr(error, "format_message"):
        return _misused(error, program, error.format_message())
    say(_known(error, program) or fault_line(error, program.name))
    return _FAILED


def _misused(error: BaseException, program: Program, said: str) -> int:
    """Say in one line what of a command line is not understood; nothing at all given is answered by the help."""
    if "\n" in said and said.lstrip().startswith("Usage:"):
        say(said)
        return _MISUSED
    meant = getattr(error, "possibilities", None)  # of an option, the one most like it first
    if meant:
        said = f"{error}. Did you mean {meant[0]}?"
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else program.name
    for theirs, ours in _WORDS.items():
        said = said.replace(theirs, ours)
    named = _NOT_ONE_OF.search(said)
    if named:
        names = named["names"].replace("'", "")
        said = f"{said[: named.start()]}expected one of {names}, found {_short(named['word'])}"
    else:
        said += _found(error.__cause__)
    end = "" if said.endswith(("?", ".")) else "."
    say(f"{command}: {one_line(said).replace('?.', '?')}{end} See `{command} --help`.")
    return _MISUSED


def _found(error: BaseException | None) -> str:
    """Say which word was given where another was expected; nothing where typer says it itself."""
    report = getattr(error, "errors", None)
    if report is None:
        return ""
    word = str(report()[0]["input"])
    return f", found {_short(word)}"


def _short(word: str) -> str:
    return word if len(word) <= _MOST_WORD else f"{word[:_MOST_WORD]}..."


def _known(error: BaseException, program: Program) -> str | None:
    """Return a line for what is the machine's fault: a library, the memory, a file; None for everything else."""
    if isinstance(error, ImportError | OSError):
        library = library_of(error, tuple(program.install))
        if library is not None:
            return _library_line(library, error, program.install[library])
    if isinstance(error, MemoryError) or type(error).__name__ == _OF_A_CARD:
        return f"{program.name}: expected more memory, found none left. Close other programs and run it again."
    if isinstance(error, OSError):
        return _file_line(error, program)
    return None


def _library_line(library: str, error: BaseException, install: str) -> str:
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == library:
        return missing_library(library, install)
    why = one_line(str(error))
    again = install.replace("pip install", "pip install --force-reinstall")
    return f"{library}: expected a library that can be loaded, found: {why}. Install it anew: {again}"


def _file_line(error: OSError, program: Program) -> str:
    if error.filename is None and (unprinted := unprinted_line()):
        return unprinted
    place = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else program.name
    return (
        f"{one_line(place)}: expected what can be read and written, found: {error.strerror or error}. "
        "Mend that, and run the same command again; nothing published is lost."
    )


def _quiet_libraries() -> None:
    """Leave it to our own lines to say what happens; `python -W` and PYTHONWARNINGS bring the warnings back."""
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    if not sys.warnoptions and not os.environ.get(DEBUG):
        warnings.simplefilter("ignore")
        os.environ.setdefault("PYTHONWARNINGS", "ignore")  # for the processes that are started
        logging.getLogger().addHandler(logging.NullHandler())
