"""`closedloop exclude` and `include`: what is left out of fit and evaluation, noted with the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from closedloop.artifacts.amended.exclusions import PARTS, LeftOutOf
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.commands.amending.noted import noted
from closedloop.errors import OptionError
from closedloop.storage import resolved
from closedloop.study.amending.exclusions import Things
from closedloop.study.loop import read_identity

Decide = Callable[[StudyPaths, StudyDocument, Protocol], list[str]]


def parts_of(word: str) -> tuple[LeftOutOf, ...]:
    """Return the parts of the work that `--from` names.

    Raises
    ------
    OptionError
        It names none.
    """
    named = {"fit": PARTS[:1], "evaluation": PARTS[1:], "both": PARTS}
    if word not in named:
        raise OptionError(f"--from: expected fit, evaluation or both, found {word}. Correct it.")
    return named[word]


def wanted_of(
    *,
    site: list[str] | None,
    electrode: list[str] | None,
    array: list[str] | None,
    day: int | None,
    block: int | None,
    presentations: str | None,
    from_day: int | None,
    to_day: int | None,
    parts: str,
) -> Things:
    """Return what the options ask for.

    Parameters
    ----------
    site, electrode, array, day, block, presentations, from_day, to_day
        As given; None where not.
    parts
        Of what: fit, evaluation or both.

    Raises
    ------
    OptionError
        They do not go together.
    """
    if presentations is not None and day is None:
        raise OptionError("--presentations: expected --day with it, found none. Say of which day they are.")
    if block is not None and day is None:
        raise OptionError("--block: expected --day with it, found none. Say of which day it is.")
    if day is not None and (site or electrode or array or from_day is not None or to_day is not None):
        raise OptionError(
            "--day: expected it alone or with --block and --presentations, found sites or arrays with it. Use "
            "--from-day and --to-day for these, a decision each."
        )
    return Things(
        sites=tuple(site or ()),
        electrodes=tuple(electrode or ()),
        arrays=tuple(array or ()),
        day=day,
        block=block,
        presentations=_stretch(presentations) if presentations is not None else None,
        from_day=from_day or 0,
        to_day=to_day,
        parts=parts_of(parts),
    )


def _stretch(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if not (dash and first.isdecimal() and last.isdecimal()):
        raise OptionError(f"--presentations: expected FROM-TO, such as 100-180, found {text}. Correct it.")
    return int(first), int(last)


def decide_of(study: Path, decide: Decide) -> list[str]:
    """Have a decision of a study noted, and return what a person is told.

    Parameters
    ----------
    study
        Study folder.
    decide
        Given the study, notes it and says what follows.

    Raises
    ------
    ClosedLoopError
        The folder is no study, or what the decision is refused with.
    """
    paths = StudyPaths(resolved(study))
    lines = decide(paths, *read_identity(paths))
    return [*lines, noted(paths)]
