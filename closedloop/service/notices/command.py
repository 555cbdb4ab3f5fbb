"""Runs a laboratory's own command for a notice: bounded in time, and whatever it does, the service goes on."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, cast

from closedloop.errors import OptionError, visible
from closedloop.plain_text.printed import words_of
from closedloop.service.children.leftovers import unmarked
from closedloop.service.notices.notice import Notice
from closedloop.service.notices.said import Said, open_in_memory

MOST_S = 60.0
_MOST_LINE = 300


@dataclass(frozen=True)
class NoticeCommand:
    """The command, as words: no shell stands between.

    Attributes
    ----------
    words
        Its path and its options.
    most_s
        For how long it may run.
    """

    words: tuple[str, ...]
    most_s: float = MOST_S

    def tell(self, notice: Notice) -> str:
        """Give it a notice on its standard input; return why that failed, empty where it did not."""
        try:
            with open_in_memory(notice.as_json()) as asked:  # no pipe: a command that reads nothing does no harm
                process = subprocess.Popen(
                    self.words,
                    stdin=asked,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # it is ended with all that it started, and Ctrl-C is not its to answer
                    env=unmarked(os.environ),
                )
        except OSError as error:
            return f"{self.words[0]}: {error.strerror}"
        said = Said()
        try:
            code = said.wait(process.poll, cast("IO[bytes]", process.stdout).fileno(), most_s=self.most_s)
        finally:
            _end_group(process)
        if code is None:
            return said.too_much or f"no end of it within {self.most_s:g} s"
        return "" if code == 0 else _how(code, said.last)


def parse_command(text: str) -> NoticeCommand:
    """Return the command that a user names.

    Raises
    ------
    OptionError
        It is none, or its quotes do not end.
    """
    try:
        words = words_of(text)
    except ValueError as error:
        raise OptionError(f"--notice: expected a command, found {text!r}: {error}. Close the quote.") from error
    if not words:
        raise OptionError("--notice: expected a command, found none. Name one.")
    return NoticeCommand(words)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _how(code: int, said: bytes) -> str:
    lines = [line.strip() for line in said.decode(errors="backslashreplace").splitlines() if line.strip()]
    how = f"code {code}" if code > 0 else f"signal {-code}"
    return f"it ended with {how} and said: {visible(lines[-1])[:_MOST_LINE] if lines else 'nothing'}"
