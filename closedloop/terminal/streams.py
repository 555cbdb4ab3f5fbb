"""Standard streams that can be written to, whatever they are: closed, unread, full, or of few characters."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import TextIO

UNREAD = 141  # what a shell reports for a program ended by SIGPIPE

_ERRORS = "closedloop.printable"
_ESCAPED_BYTES = range(0xDC80, 0xDD00)  # what Python makes of a byte in a file's name that is no UTF-8
_CONTROL = {code: repr(chr(code))[1:-1] for code in (*range(0x20), 0x7F, *range(0x80, 0xA0), 0x2028, 0x2029)}


def prepare_streams() -> None:
    """Open what is closed, so that no file is taken for it, and have every character printed, if not as itself."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    codecs.register_error(_ERRORS, _printable)
    sys.stdout, sys.stderr = _prepared(sys.stdout, 1), _prepared(sys.stderr, 2)


def one_line(text: str) -> str:
    """Return a text with its line breaks and control characters written out: a file's name may hold any of them."""
    return text.translate(_CONTROL)


def say(text: str) -> None:
    """Print a line on standard error, if anybody is there to read it."""
    with suppress(OSError, ValueError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def flushed(status: int) -> int:
    """Write out what is printed; return the exit code, another one where that fails."""
    try:
        unprinted = unprinted_line()
    except BrokenPipeError:
        status = status or UNREAD
    else:
        if unprinted and not status:
            say(unprinted)
            status = 1
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    print_nowhere()
    return status


def unprinted_line() -> str | None:
    """Return the line that says why what was printed cannot be; None where it can.

    Raises
    ------
    BrokenPipeError
        Nobody reads it.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        return f"standard output: expected to be written to, found: {error.strerror}. Print it to another place."
    except ValueError:  # closed by whoever printed last
        return None
    return None


def print_nowhere() -> None:
    """Point the streams elsewhere: Python flushes them once more, and would complain of the same again."""
    for number in (1, 2):
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)


@contextmanager
def kept_still() -> Iterator[None]:
    """Keep a library from printing: in Python, and in C by the streams' numbers."""
    kept, nowhere = [(number, os.dup(number)) for number in (1, 2)], os.open(os.devnull, os.O_WRONLY)
    try:
        for number, _ in kept:
            os.dup2(nowhere, number)
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        os.close(nowhere)
        for number, copy in kept:
            os.dup2(copy, number)
            os.close(copy)


def _prepared(stream: TextIO | None, number: int) -> TextIO:
    if stream is None:
        return os.fdopen(number, "w", encoding="utf-8", errors=_ERRORS, closefd=False)
    with suppress(AttributeError, OSError):  # another program's own stream
        stream.reconfigure(errors=_ERRORS)  # type: ignore[attr-defined]
    return stream


def _printable(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    codes = [ord(character) for character in error.object[error.start : error.end]]
    if all(code in _ESCAPED_BYTES for code in codes):
        return bytes(code - 0xDC00 for code in codes), error.end
    return codecs.backslashreplace_errors(error)
