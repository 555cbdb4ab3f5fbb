"""Tables of what another program showed, in CSV: a line for each presentation, with its image and when it came.

When an image came is said in one of three ways: by the recorder's clock (`onset_s`, or `onset_tick`), by the digital
code that the recorder has of it and the program's own clock (`code` and `time_s`), or by the code alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from closedloop.errors import DocumentError
from closedloop.plain_text.csv_tables import TableRow, read_rows

_IMAGE, _ACCEPTED = "image", ("accepted", "fixation")
_CLOCK_SEGMENT = "clock_segment"
_YES, _NO = frozenset(("1", "true", "yes")), frozenset(("0", "false", "no"))
_MOST_TICK, _MOST_CODE, _MOST_SECONDS = 1 << 62, (1 << 16) - 1, 4e9  # PTP counts nanoseconds, and seconds, from 1970
_SAME_MOMENT_S: Final = 0.001

TimedBy = Literal["onset_s", "onset_tick", "code and time_s", "code"]


@dataclass(frozen=True)
class ShownRow:
    """A presentation as the table has it.

    Attributes
    ----------
    line
        Where it stands in the table.
    image
        What the image is called.
    clock_segment
        Of the recorder's clock; None where the table does not say.
    onset_s, onset_tick
        On the recorder's clock.
    code, time_s
        The digital code that was sent with it, and when, on the program's clock.
    accepted
        Whether it counts: whether the animal fixated, where the table says so.
    """

    line: int
    image: str
    clock_segment: int | None = None
    onset_s: float | None = None
    onset_tick: int | None = None
    code: int | None = None
    time_s: float | None = None
    accepted: bool = True


@dataclass(frozen=True)
class PresentationTable:
    """What was shown, in order of time.

    Attributes
    ----------
    shown
        The presentations.
    timed_by
        Which columns say when.
    passed_over
        Columns of which nothing was read.
    n_repeated
        Lines that say the same as one before them: the same image at the same moment.
    other_codes
        What else the program sent by its own clock: codes, and seconds.
    """

    shown: tuple[ShownRow, ...]
    timed_by: TimedBy
    passed_over: tuple[str, ...] = ()
    n_repeated: int = 0
    other_codes: tuple[tuple[int, float], ...] = ()


def read_presentations(path: Path) -> PresentationTable:
    """Read a table of presentations.

    Parameters
    ----------
    path
        A CSV table with the columns image and onset_s, or onset_tick, or code and perhaps time_s; perhaps accepted (or
        fixation), and clock_segment.

    Raises
    ------
    DocumentError
        It is none; or two images come at one moment.
    """
    header, *body = read_rows(path) or [(1, [])]
    names = header[1]
    timed_by = _timed_by(path, names)
    if not body:
        raise DocumentError(
            f"{path}: expected a line for each presentation, found none below the names of the columns. Add them."
        )
    shown = [_shown(path, row, names) for row in body]
    known = {_IMAGE, *_ACCEPTED, _CLOCK_SEGMENT, *timed_by.split(" and ")}
    passed_over = tuple(name for name in names if name not in known)
    if timed_by == "code":
        return PresentationTable(tuple(shown), timed_by, passed_over)
    return in_order_of_time(path, shown, timed_by=timed_by, passed_over=passed_over)


def in_order_of_time(
    path: Path, shown: Sequence[ShownRow], *, timed_by: TimedBy, passed_over: tuple[str, ...] = ()
) -> PresentationTable:
    """Put presentations in order, without those that are said twice.

    Parameters
    ----------
    path
        Of the file, for messages.
    shown, timed_by, passed_over
        As `PresentationTable` has them; in any order.

    Raises
    ------
    DocumentError
        Two images come at one moment.
    """
    least = 1 if timed_by == "onset_tick" else _SAME_MOMENT_S
    in_order, kept = sorted(shown, key=_moment), list[ShownRow]()
    for one in in_order:
        before = kept[-1] if kept else None
        if before is None or _moment(one)[0] != _moment(before)[0] or _moment(one)[1] - _moment(before)[1] >= least:
            kept.append(one)
        elif one.image != before.image or one.accepted != before.accepted:
            raise DocumentError(
                f"{path}, line {one.line}: expected one image at a time, found {one.image!r:.60} at the moment at "
                f"which {before.image!r:.60} came (line {before.line}). Correct the times."
            )
    return PresentationTable(tuple(kept), timed_by, passed_over, len(in_order) - len(kept))


def _moment(one: ShownRow) -> tuple[int, float]:
    """Return where a presentation lies among the others; ticks stay whole numbers."""
    at = one.onset_tick if one.onset_tick is not None else one.onset_s if one.onset_s is not None else one.time_s
    return one.clock_segment or 0, math.inf if at is None else at


def _timed_by(path: Path, names: Sequence[str]) -> TimedBy:
    has = frozenset(names)
    ways: Mapping[TimedBy, frozenset[str]] = {
        "onset_s": frozenset(("onset_s",)),
        "onset_tick": frozenset(("onset_tick",)),
        "code": frozenset(("code",)),
    }
    found = [way for way, wanted in ways.items() if wanted <= has]
    if _IMAGE not in has or len(found) != 1 or "" in has or len(has) < len(names) or len(has & {*_ACCEPTED}) > 1:
        raise DocumentError(
            f"{path}: expected the columns image and either onset_s, onset_tick, or code (with time_s), each once, and "
            f"perhaps accepted or fixation, found {', '.join(names)[:120] or 'none'}. Name the columns so."
        )
    return "code and time_s" if found[0] == "code" and "time_s" in has else found[0]


def _shown(path: Path, row: TableRow, names: Sequence[str]) -> ShownRow:
    line, cells = row
    if len(cells) != len(names):
        raise DocumentError(f"{path}, line {line}: expected {len(names)} values, found {len(cells)}. Correct it.")
    of = dict(zip(names, cells, strict=True))
    if not of[_IMAGE] or not of[_IMAGE].isprintable():
        raise DocumentError(f"{path}, line {line}: expected the name of an image, found {of[_IMAGE]!r:.60}. Name it.")
    return ShownRow(
        line,
        of[_IMAGE],
        clock_segment=_whole(path, line, of, _CLOCK_SEGMENT, most=_MOST_CODE),
        onset_s=_seconds(path, line, of, "onset_s"),
        onset_tick=_whole(path, line, of, "onset_tick", most=_MOST_TICK),
        code=_whole(path, line, of, "code", most=_MOST_CODE),
        time_s=_seconds(path, line, of, "time_s"),
        accepted=_accepted(path, line, of),
    )


def _accepted(path: Path, line: int, of: Mapping[str, str]) -> bool:
    name = next((name for name in _ACCEPTED if name in of), None)
    if name is None:
        return True
    if (said := of[name].lower()) in _YES | _NO:
        return said in _YES
    raise DocumentError(f"{path}, line {line}: expected {name} to be 1 or 0, found {of[name]!r:.40}. Correct it.")


def _whole(path: Path, line: int, of: Mapping[str, str], name: str, *, most: int) -> int | None:
    if name not in of:
        return None
    cell = of[name]
    if cell.isascii() and cell.isdecimal() and len(cell) < 20 and int(cell) <= most:
        return int(cell)
    raise DocumentError(
        f"{path}, line {line}: expected {name} to be a whole number from 0 to {most}, found {cell[:40]!r}. Correct it."
    )


def _seconds(path: Path, line: int, of: Mapping[str, str], name: str) -> float | None:
    if name not in of:
        return None
    cell = of[name]
    try:
        value = float(cell) if cell.isascii() and "_" not in cell else math.nan  # Python takes 7_0 for 70
    except ValueError:
        value = math.nan
    if not 0 <= value <= _MOST_SECONDS:
        raise DocumentError(
            f"{path}, line {line}: expected {name} in seconds, from 0, found {cell[:40]!r}. Correct it, or take the "
            "line out."
        )
    return value
