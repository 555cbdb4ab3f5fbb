"""What somebody may have meant by a word that is not known."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from closedloop.errors import OptionError

_LONGEST = 100  # characters; nobody misspells more, and comparing takes the square of it
_MOST = 500  # words compared


def closest(word: str, known: Iterable[str]) -> str:
    """Return the known word that is most like this one; empty where none is.

    Examples
    --------
    >>> closest("gou2022", ["dry_run", "guo2022", "smoke"])
    'guo2022'
    """
    if len(word) > _LONGEST:
        return ""
    by_lower = {one.lower(): one for one in list(known)[:_MOST]}
    found = get_close_matches(word.lower(), by_lower, n=1)
    return by_lower[found[0]] if found else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "Did you mean guo2022? ", to be put before what is to be done; empty where nothing known is like it."""
    found = closest(word, known)
    return f"Did you mean {found}? " if found else ""


def one_of(known: Collection[str], word: str, *, option: str) -> str:
    """Return an option's word, which is one of those that are known.

    Parameters
    ----------
    known
        The words.
    word
        As given.
    option
        Whose.

    Raises
    ------
    OptionError
        It is none of them.
    """
    if word in known:
        return word
    raise OptionError(
        f"{option} {word[:_LONGEST]}: expected one of {', '.join(known)}. {did_you_mean(word, known)}Correct it."
    )
