"""What another program showed: from a table in CSV, or from MonkeyLogic's or MWorks' own file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.confined.asking import run_confined
from closedloop.confined.protocol import ConfinedError, FunctionPlace, Limits
from closedloop.errors import DocumentError, OptionError
from closedloop.plain_text.presentation_tables import (
    PresentationTable,
    ShownRow,
    in_order_of_time,
    read_presentations,
)
from closedloop.storage import reading

_MONKEYLOGIC = FunctionPlace("closedloop.artifacts.foreign.monkeylogic", "read")
_MWORKS = FunctionPlace("closedloop.artifacts.foreign.mworks", "read")
_READ_BYTES_PER_S, _GROWTH = 2e6, 4.0  # a tenth of what was measured


@dataclass(frozen=True)
class ShownOptions:
    """What only a person knows of a program's own file.

    Attributes
    ----------
    shown
        Of MonkeyLogic: by code, the task objects that it means came on, from 1, in the order of its times in a trial.
    code_variable
        Of MWorks: the variable whose values were sent to the recorder.
    """

    shown: Mapping[int, tuple[int, ...]]
    code_variable: str | None = None


def read_shown(path: Path, options: ShownOptions) -> PresentationTable:
    """Read what a program showed, and the codes that it sent.

    Parameters
    ----------
    path
        A table .csv, MonkeyLogic's .bhv2, MWorks' .mwk2.
    options
        What only a person knows of it.

    Raises
    ------
    DocumentError
        The file is none of these, is damaged, or does not hold what is asked for.
    OptionError
        An option is missing, or is of another kind of file.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "none" if not path.exists() else "something else"
        raise DocumentError(f"{path}: expected what a program showed, found {found}. Correct its name.")
    kind = path.suffix.lower()
    for option, is_given, own in (
        ("--shown", bool(options.shown), ".bhv2"),
        ("--code-variable", options.code_variable is not None, ".mwk2"),
    ):
        if is_given and kind != own:
            raise OptionError(f"{option}: expected a file {own}, found {path.name}. Leave the option out.")
        if kind == own and not is_given:
            raise OptionError(
                f"{path}: expected {option}, which says what its codes mean, found none. Give it: docs/exchange.md has "
                "an example."
            )
    if kind in (".csv", ".txt"):
        return read_presentations(path)
    if kind == ".bhv2":
        answer, parts = _asked(path, _MONKEYLOGIC, [[code, *numbers] for code, numbers in options.shown.items()])
        return _table(path, answer["pictures"], _columns(parts, "i8", "f8", "i8", "u1"))
    if kind == ".mwk2":
        answer, parts = _asked(path, _MWORKS, options.code_variable)
        columns = _columns(parts, "i8", "f8", "i8")
        return _table(path, answer["pictures"], [*columns, np.ones(len(columns[0]), np.uint8)])
    raise DocumentError(
        f"{path}: expected a table .csv, MonkeyLogic's .bhv2 or MWorks' .mwk2, found {path.suffix or 'no suffix'}. "
        "Export it as a table: docs/exchange.md says how."
    )


def _asked(path: Path, function: FunctionPlace, *arguments: Any) -> tuple[Any, list[memoryview]]:
    try:
        with reading(path):
            n_bytes = path.stat().st_size
        limits = Limits.of_file(n_bytes, bytes_per_s=_READ_BYTES_PER_S, growth=_GROWTH)
        answer, parts = run_confined(function, str(path.resolve()), *arguments, limits=limits)
    except (ConfinedError, OSError, ValueError, KeyError, TypeError) as error:
        raise DocumentError(
            f"{path}: expected a whole file of {'MonkeyLogic' if function is _MONKEYLOGIC else 'MWorks'}, found a "
            f"damaged one or none ({str(error)[:120]}). Copy it again, or export it as a table."
        ) from None
    if "other" in answer:
        expected, otherwise = answer["other"]
        raise DocumentError(f"{path}: expected {expected}, found {otherwise}. Correct the option, or give a table.")
    return answer, parts


def _columns(parts: Sequence[memoryview], *types: str) -> list[NDArray[Any]]:
    return [np.frombuffer(part, np.dtype(of)) for part, of in zip(parts, types, strict=True)]


def _table(path: Path, names: Sequence[str], columns: Sequence[NDArray[Any]]) -> PresentationTable:
    """Return presentations, and the other codes by which they are found in the recording."""
    code, time_s, picture, accepted = columns
    is_shown = picture >= 0
    if not is_shown.any():
        raise DocumentError(f"{path}: expected pictures that came on, found none. Export what was shown as a table.")
    shown = [
        ShownRow(
            line=row + 1,
            image=names[picture[row]],
            code=int(code[row]) if code[row] >= 0 else None,
            time_s=float(time_s[row]),
            accepted=bool(accepted[row]),
        )
        for row in np.flatnonzero(is_shown).tolist()
    ]
    table = in_order_of_time(path, shown, timed_by="code and time_s")
    others = tuple((int(code[row]), float(time_s[row])) for row in np.flatnonzero(~is_shown).tolist())
    return replace(table, other_codes=others)
