"""Text and commands as they are printed: what a terminal would act on is shown, what a shell would act on is quoted."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

from closedloop.errors import ClosedLoopError, visible
from closedloop.plain_text.limits import fault_in_text

MOST_NAME_CHARACTERS = 100

_MINUTE_S, _HOUR_S = 60, 3_600


def printed(lines: Iterable[str]) -> str:
    """Return lines for a terminal, each one line whatever is in it."""
    return "\n".join(visible(line) for line in lines)


def quoted(word: str | Path) -> str:
    """Return a path or a word for a shell; a path that begins with a dash is no option.

    Examples
    --------
    >>> print(quoted(Path("-data of monkey's")))
    './-data of monkey'"'"'s'
    """
    text = str(word)
    return shlex.quote(f"./{text}" if isinstance(word, Path) and text.startswith("-") else text)


def command_line(*words: str | Path) -> str:
    """Return a command to be pasted into a shell, paths and all.

    Examples
    --------
    >>> command_line("closedloop", "run", Path("a b"), "--day", "3")
    "closedloop run 'a b' --day 3"
    """
    return " ".join(quoted(word) for word in words)


def capitalized(text: str) -> str:
    """Return text as a sentence begins; the rest of it stays as it is, names among it.

    Examples
    --------
    >>> capitalized("day 3 ended early: V4 was lost")
    'Day 3 ended early: V4 was lost'
    """
    return text[:1].upper() + text[1:]


def words_of(command: str) -> tuple[str, ...]:
    """Return the words of a command that a user gave as one text, as a shell takes it apart, and no more than that.

    Raises
    ------
    ValueError
        A quote does not end.

    Examples
    --------
    >>> words_of("mail -s 'closed loop' $USER")
    ('mail', '-s', 'closed loop', '$USER')
    """
    return tuple(shlex.split(command))


def number_text(value: float) -> str:
    """Return a number as somebody writes it, with as many digits as it has.

    Examples
    --------
    >>> number_text(1.0), number_text(2.50), number_text(1 / 3)
    ('1', '2.5', '0.3333333333333333')
    """
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def check_given_name(name: str, *, option: str, error: type[ClosedLoopError]) -> None:
    """Refuse a name, given by a person, that cannot be read in a table or on a page.

    Parameters
    ----------
    name
        The animal's, or a person's.
    option
        How it was given: what the message begins with.
    error
        The exception to raise.
    """
    if not name.strip():
        raise error(f"{option}: expected a name, found none. Give one.")
    if len(name) > MOST_NAME_CHARACTERS:
        raise error(
            f"{option}: expected a name of at most {MOST_NAME_CHARACTERS} characters, found {len(name):,}. Shorten it."
        )
    if visible(name) != name:
        raise error(f"{option}: expected a name that can be printed, found {name}. Leave control characters out.")


def check_given_text(text: str, *, option: str, error: type[ClosedLoopError]) -> None:
    """Refuse text, given by a person, that is none or cannot be written down.

    Parameters
    ----------
    text
        Such as the reason of a decision.
    option
        How it was given: what the message begins with.
    error
        The exception to raise.
    """
    if not text.strip():
        raise error(f"{option}: expected text, found none. Give some.")
    if fault := fault_in_text(text):
        raise error(f"{option}: expected text that can be written, found {fault}. Leave it out.")


def in_words(seconds: float) -> str:
    """Return a time with one unit, coarse enough for an estimate.

    Examples
    --------
    >>> [in_words(seconds) for seconds in (0.4, 42, 600, 5_000, 100_000)]
    ['1 s', '42 s', '10 min', '1.4 h', '28 h']
    """
    if seconds < 2 * _MINUTE_S:
        return f"{max(1, round(seconds))} s"
    if seconds < _HOUR_S:
        return f"{round(seconds / _MINUTE_S)} min"
    hours = seconds / _HOUR_S
    return f"{hours:.1f} h" if hours < 10 else f"{round(hours)} h"
