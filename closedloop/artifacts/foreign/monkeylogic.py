"""What MonkeyLogic's own file (.bhv2) says of a session, as plain bytes, in a confined process.

The layout is MonkeyLogic's published one (its page "BHV2 binary structure"): variables one after the other, each with
its name, type and size in whole numbers of 8 bytes; fields of structures and cells are variables again. Analog data
are passed over.
"""

from __future__ import annotations

import math
import mmap
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.confined.protocol import Answer

_NUMBERS = {
    **{"double": "<f8", "single": "<f4", "logical": "u1", "char": "u1"},
    **{f"{sign}int{8 * n}": f"<{letter}{n}" for sign, letter in (("", "i"), ("u", "u")) for n in (1, 2, 4, 8)},
}
_TRIAL = re.compile(r"Trial([0-9]+)")
_WANTED = ("TrialError", "AbsoluteTrialStartTime", "BehavioralCodes", "TaskObject")
_LONGEST_NAME, _MOST_DIMENSIONS, _DEEPEST = 10_000, 32, 64
_MS_PER_S = 1000
_PICTURE = 2  # a task object of a picture: its kind and its file


class _MonkeyLogicError(Exception):
    """The file is whole, and not as asked."""


def read(path: str, shown: Sequence[Sequence[int]]) -> Answer:
    """Read the codes of all trials, and which picture came with which.

    Parameters
    ----------
    path
        The file.
    shown
        Codes that mean that a task object came on: the code, then the numbers of the objects, from 1; with several, the
        first time in a trial that it was the first, and so on.

    Returns
    -------
    Answer
        Names of the pictures, and the number of trials, or, under "other", what was expected and what was found. Then
        each code: its number, when it was sent in seconds of the session, which picture came on (-1: none), and
        whether its trial was correct.
    """
    objects = {code: numbers for code, *numbers in shown}
    pictures, rows, n_trials, used = dict[str, int](), list[tuple[int, float, int, bool]](), 0, set[int]()
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:  # noqa: PTH123
        try:
            for trial in _trials(content):
                n_trials += 1
                used |= set(trial.codes.tolist())
                rows += _rows_of(trial, objects, pictures)
        except _MonkeyLogicError as error:
            return {"other": list(error.args)}, []
    if not set(objects) <= used:
        missing = min(set(objects) - used)
        found = ", ".join(map(str, sorted(used)[:20])) or "none"
        return {"other": [f"code {missing} of --shown among those of {n_trials} trials", found]}, []
    codes, time_s, picture, correct = zip(*rows, strict=True) if rows else ((), (), (), ())
    return {"pictures": list(pictures), "n_trials": n_trials}, [
        np.array(codes, np.int64).view(np.uint8),
        np.array(time_s, np.float64).view(np.uint8),
        np.array(picture, np.int64).view(np.uint8),
        np.array(correct, np.uint8),
    ]


@dataclass(frozen=True)
class _TrialRead:
    number: int
    start_s: float
    codes: NDArray[np.int64]
    times_s: NDArray[np.float64]
    pictures: Sequence[str | None]
    correct: bool


def _rows_of(
    trial: _TrialRead, objects: dict[int, list[int]], pictures: dict[str, int]
) -> Iterator[tuple[int, float, int, bool]]:
    seen = dict.fromkeys(objects, 0)
    for code, at_s in zip(trial.codes.tolist(), trial.times_s.tolist(), strict=True):
        place = -1
        if code in objects and seen[code] < len(objects[code]):
            number = objects[code][seen[code]]
            seen[code] += 1
            name = trial.pictures[number - 1] if 0 < number <= len(trial.pictures) else None
            if name is None:
                has = len(trial.pictures)
                raise _MonkeyLogicError(
                    f"a picture as task object {number} of trial {trial.number}", f"none among {has}"
                )
            place = pictures.setdefault(name, len(pictures))
        yield code, trial.start_s + at_s, place, trial.correct


def _trials(content: mmap.mmap) -> Iterator[_TrialRead]:
    reader, found = _Variables(content), False
    while not reader.at_end:
        name, value = reader.variable(wanted=_WANTED)
        if (numbered := _TRIAL.fullmatch(name)) is not None:
            found = True
            yield _trial(int(numbered[1]), value)
    if not found:
        raise _MonkeyLogicError("trials as MonkeyLogic 2 writes them", "none")


def _trial(number: int, value: Any) -> _TrialRead:
    try:
        codes, objects = value["BehavioralCodes"], value["TaskObject"]["Attribute"]
        times_s = np.ravel(codes["CodeTimes"]).astype(np.float64) / _MS_PER_S
        numbers = np.ravel(codes["CodeNumbers"]).astype(np.int64)
        start_s = float(np.ravel(value["AbsoluteTrialStartTime"])[0]) / _MS_PER_S
        correct = float(np.ravel(value["TrialError"])[0]) == 0
        if len(times_s) != len(numbers) or not math.isfinite(start_s) or not np.isfinite(times_s).all():
            raise ValueError
    except (KeyError, TypeError, IndexError, ValueError):
        raise _MonkeyLogicError(
            f"codes, start, error and task objects of trial {number}, as MonkeyLogic 2 writes them", "others"
        ) from None
    pictures = [_picture(one) for one in objects]
    return _TrialRead(number, start_s, numbers, times_s, pictures, correct)


def _picture(task_object: Any) -> str | None:
    """Return the file of a task object that is a picture, without its folder; None of any other."""
    is_picture = isinstance(task_object, list) and len(task_object) >= _PICTURE and task_object[0] == "pic"
    name = task_object[1] if is_picture else None
    return re.split(r"[/\\]", name)[-1] if isinstance(name, str) else None


class _Variables:
    """Reads variables one after the other.

    Parameters
    ----------
    content
        Of the file.
    """

    def __init__(self, content: mmap.mmap) -> None:
        self._content, self._at = content, 0

    @property
    def at_end(self) -> bool:
        """Whether all are read."""
        return self._at >= len(self._content)

    def variable(self, *, wanted: Sequence[str] = (), keep: bool = True, depth: int = 0) -> tuple[str, Any]:
        """Read a variable: numbers as an array, text, a structure as a dictionary, cells as a list.

        Parameters
        ----------
        wanted
            Of a structure the fields that are kept; none: all of them.
        keep
            Whether its value is wanted.
        depth
            Of structures around it.
        """
        name, kind = self._text(), self._text()
        n_dimensions = self._whole()
        if depth > _DEEPEST or n_dimensions > _MOST_DIMENSIONS:
            raise ValueError(f"{n_dimensions} dimensions, {depth} structures deep, at byte {self._at}")
        shape = [self._whole() for _ in range(n_dimensions)]
        n = math.prod(shape)
        if kind in _NUMBERS:
            return name, self._numbers(kind, n, keep=keep)
        if kind == "function_handle":
            return name, self.variable(keep=False, depth=depth + 1)[1]
        if kind == "cell":
            cells = [self.variable(keep=keep, depth=depth + 1)[1] for _ in self._times(n)]
            return name, cells if keep else None
        if kind == "struct":
            n_fields = self._whole()
            elements = [self._structure(n_fields, wanted, keep=keep, depth=depth) for _ in self._times(n)]
            return name, (elements[0] if len(elements) == 1 else elements) if keep else None
        raise ValueError(f"a variable of type {kind!r:.40} at byte {self._at}")

    def _structure(self, n_fields: int, wanted: Sequence[str], *, keep: bool, depth: int) -> dict[str, Any]:
        found = dict[str, Any]()
        for _ in self._times(n_fields):
            is_wanted = keep and (not wanted or self._next_name() in wanted)
            name, value = self.variable(keep=is_wanted, depth=depth + 1)
            if is_wanted:
                found[name] = value
        return found

    def _times(self, n: int) -> range:
        """Refuse more variables than the file could hold: each takes 24 bytes and more."""
        if n > (len(self._content) - self._at) // 8:
            raise ValueError(f"{n} variables at byte {self._at}")
        return range(n)

    def _numbers(self, kind: str, n: int, *, keep: bool) -> Any:
        dtype = np.dtype(_NUMBERS[kind])
        begin, self._at = self._at, self._at + n * dtype.itemsize
        if self._at > len(self._content):
            raise ValueError(f"the end of the file within {n} numbers")
        if not keep:
            return None
        values = np.frombuffer(self._content, dtype, n, begin).copy()
        return values.tobytes().decode("utf-8", errors="replace") if kind == "char" else values

    def _next_name(self) -> str:
        begin = self._at
        name = self._text()
        self._at = begin
        return name

    def _text(self) -> str:
        n = self._whole()
        if n > _LONGEST_NAME:
            raise ValueError(f"a name of {n} bytes at byte {self._at}")
        begin, self._at = self._at, self._at + n
        return self._content[begin : self._at].decode("utf-8", errors="replace")

    def _whole(self) -> int:
        begin, self._at = self._at, self._at + 8
        if self._at > len(self._content):
            raise ValueError("the end of the file within a variable")
        return int(struct.unpack_from("<Q", self._content, begin)[0])
