"""What the rig told a tracker: `closedloop trial N` as a fixation point goes on, `closedloop code C` with each code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

PREFIX: Final = b"closedloop "
_MESSAGE = re.compile(r"closedloop (trial|code) (\d{1,9})")


@dataclass(frozen=True)
class TrackerMarks:
    """Trials and digital codes with their times on one clock: the rig's, as sent, or the tracker's, as received.

    `trial` and `trial_s` have one shape, `code` and `code_s` another, each in the order of time, seconds.
    """

    trial: NDArray[np.int64]
    trial_s: NDArray[np.float64]
    code: NDArray[np.int64]
    code_s: NDArray[np.float64]

    @property
    def n(self) -> int:
        """All of them."""
        return self.trial.size + self.code.size


def marks_of(messages: Iterable[tuple[float, str]]) -> TrackerMarks:
    """Return the rig's messages among all; others, and what only begins like one, are passed over."""
    found: dict[str, list[tuple[float, int]]] = {"trial": [], "code": []}
    for time_s, text in messages:
        match = _MESSAGE.fullmatch(text.strip("\0 \n"))
        if match is not None:
            found[match[1]].append((time_s, int(match[2])))
    trials, codes = sorted(found["trial"]), sorted(found["code"])
    return TrackerMarks(
        trial=np.array([number for _, number in trials], np.int64),
        trial_s=np.array([time_s for time_s, _ in trials], np.float64),
        code=np.array([number for _, number in codes], np.int64),
        code_s=np.array([time_s for time_s, _ in codes], np.float64),
    )
