"""What runs in the process that reads an EDF: SR Research's library gives one item after another.

eyelinkio's own `read_edf` puts the parts of a recording one behind another, as if the tracker had never paused: times
after a recalibration would be too early. So its binding of the library is used, whose times are the tracker's own.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from closedloop.confined.protocol import Answer
from closedloop.errors import RecordingError
from closedloop.eyelink.marks import PREFIX, marks_of

COLUMNS: Final = ("x_left", "x_right", "y_left", "y_right", "pupil_left", "pupil_right")
SAMPLE: Final = np.dtype([("time_s", "<f8"), *((name, "<f4") for name in COLUMNS)])

_NOTHING_MORE, _MESSAGE, _RECORDING, _SAMPLE = 0, 24, 30, 200  # "EDF Access C API", types of items
_HALF_A_MS: Final = 0x0002  # a sample's flag at 2,000 Hz
_MISSING: Final = -32768.0, 1e8  # of an eye that is not tracked; of one that is lost
_AT_ONCE: Final = 1 << 14
_MOST_MESSAGES: Final = 1_000_000
_LONGEST: Final = 64  # bytes of a message of ours


def read_samples(path: str) -> Answer:
    """Return no value, and the samples as records of `SAMPLE`, some thousands a part."""
    return None, _samples(path)


def read_contents(path: str) -> Answer:
    """Return what a file is, and the rig's messages in it as four arrays; samples are passed over, which is fast.

    Raises
    ------
    RecordingError
        There are more messages than anybody sends.
    """
    recordings: list[tuple[float, float, int]] = []
    messages: list[tuple[float, str]] = []
    for n, (kind, data) in enumerate(_items(path, with_samples=False)):
        if n > _MOST_MESSAGES:
            raise RecordingError(f"{path}: expected a session's events, found more than {_MOST_MESSAGES:,}.")
        if kind == _RECORDING:
            recording = data.rec
            recordings.append((recording.time / 1000.0, float(recording.sample_rate), int(recording.state)))
        elif kind == _MESSAGE:
            text = _text(data.fe.message)
            if text.startswith(PREFIX):
                messages.append((data.fe.sttime / 1000.0, text.decode("ascii", "replace")))
    marks = marks_of(messages)
    return {"recordings": recordings}, [marks.trial, marks.trial_s, marks.code, marks.code_s]


def _samples(path: str) -> Iterator[Any]:
    some, n = np.empty(_AT_ONCE, SAMPLE), 0
    for kind, data in _items(path, with_samples=True):
        if kind != _SAMPLE:
            continue
        one = data.fs
        half = 0.0005 if one.flags & _HALF_A_MS else 0.0
        some[n] = (one.time / 1000.0 + half, *one.gx, *one.gy, *one.pa)
        n += 1
        if n == _AT_ONCE:
            yield _without_missing(some)
            n = 0
    if n:
        yield _without_missing(some[:n])


def _without_missing(some: Any) -> Any:
    for name in COLUMNS:
        column = some[name]
        column[(column <= _MISSING[0]) | (column >= _MISSING[1])] = np.nan
    lost = {side: some[f"pupil_{side}"] == 0 for side in ("left", "right")}  # no pupil: no eye
    for name in COLUMNS:
        some[name][lost[name.rpartition("_")[2]]] = np.nan
    return np.ascontiguousarray(some).view(np.uint8)


def _items(path: str, *, with_samples: bool) -> Iterator[tuple[int, Any]]:
    from eyelinkio.edf import _edf2py as library  # noqa: PLC0415 - half a megabyte of C, once there is a file

    fault = ctypes.c_int(1)
    file = library.edf_open_file(os.fsencode(path), 2, 1, int(with_samples), ctypes.byref(fault))
    if not file or fault.value:
        raise RecordingError(f"{path}: expected EyeLink's EDF, found another file, or a damaged one.")
    while (kind := library.edf_get_next_data(file)) != _NOTHING_MORE:
        yield kind, library.edf_get_float_data(file).contents
    library.edf_close_file(file)


def _text(message: Any) -> bytes:
    """Return a message's bytes: two of its length, then the text."""
    if not message:
        return b""
    start = ctypes.addressof(message.contents) + ctypes.sizeof(ctypes.c_short)
    return ctypes.string_at(start, min(max(int(message.contents.len), 0), _LONGEST)).rstrip(b"\0\n ")
