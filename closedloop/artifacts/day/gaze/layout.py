"""How gaze.bin is laid out: a header of text that says what follows, then records of 16 bytes, appended in time.

The header is one JSON document, padded with spaces to `HEADER_BYTES` and ended by a line end. A record is
little-endian: time in seconds of the rig's clock (8 bytes), degrees to the right of the fixation point and above it (4
bytes each), both NaN where the tracker had no eye. A record without a time (NaN) is a mark: its second value is the
launch's number, as the journal's `segment`, its third says whether that launch's samples begin there or end. A file
that a crash cut ends without a mark, and may end within a record, which never happened.
"""

from __future__ import annotations

import math
import struct
from typing import Final, Literal

from pydantic import Field

from closedloop.artifacts.documents import Document

HEADER_BYTES: Final = 2048
RECORD: Final = struct.Struct("<dff")
BEGINS, ENDS = 0.0, 1.0
FARTHEST_DEG: Final = 1e6
LATEST_S: Final = 1e10  # three centuries after a computer was started

_NO_EYE: Final = (math.nan, math.nan)


class GazeHeader(Document):
    """The header of gaze.bin."""

    kind: Literal["gaze_samples"] = "gaze_samples"
    session_id: str = Field(max_length=255)
    record: Literal["<f8 time_s, <f4 x_deg, <f4 y_deg"] = "<f8 time_s, <f4 x_deg, <f4 y_deg"
    reads: str = Field(
        default="records after 2048 bytes; x, y NaN: no eye; time NaN: launch x begins (y = 0) or ends (y = 1)",
        max_length=255,
    )

    def to_header(self) -> bytes:
        """Return the first bytes of the file."""
        return self.model_dump_json().encode().ljust(HEADER_BYTES - 1) + b"\n"


def sample_bytes(time_s: float, place: tuple[float, float] | None) -> bytes:
    """Return the record of a sample; a place that is none on any screen, as an uncalibrated tracker says, is no eye.

    Parameters
    ----------
    time_s
        When, on the rig's clock.
    place
        Degrees right and up; None without an eye.
    """
    is_place = place is not None and all(abs(one) <= FARTHEST_DEG for one in place)
    return RECORD.pack(time_s, *(place if place is not None and is_place else _NO_EYE))


def mark_bytes(launch: int, what: float) -> bytes:
    """Return the record that begins or ends a launch's samples."""
    return RECORD.pack(math.nan, launch, what)
