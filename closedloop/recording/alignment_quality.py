"""What an alignment found: how many codes of which fate, how the clocks run, how late the light came."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.clock import ClockFit
from closedloop.recording.code_matching import UNPAIRED, MatchingRules
from closedloop.recording.codes import ReceivedCodes, SentCodes, changed_codes

Fate = Literal["lost", "doubled", "foreign"]


@dataclass(frozen=True)
class UnmatchedCode:
    """A code without a partner.

    `index` and `time_s` are in the journal's list and the rig's clock for a lost code, in the received list and the
    array's clock otherwise. A doubled code repeats one that was matched; a foreign one belongs to nothing sent.
    """

    fate: Fate
    index: int
    code: int
    time_s: float

    def __str__(self) -> str:
        clock = "rig" if self.fate == "lost" else "array"
        return f"{self.fate}: code {self.code} at {self.time_s:.3f} s ({clock}), number {self.index}"


@dataclass(frozen=True)
class AlignmentQuality:
    """The day's report on codes, clocks and light.

    ``n_sent = n_matched + n_lost`` and ``n_received = n_matched + n_doubled + n_foreign``; `n_changed` of the matched
    arrived with flipped bits. Offset, drift and residuals are those of the rig segment with the most codes. The
    photodiode's lag is light minus received code, None where no light was found; `n_without_photodiode` presentations
    had a marker but no light after it.
    """

    n_sent: int
    n_received: int
    n_matched: int
    n_lost: int
    n_doubled: int
    n_changed: int
    n_foreign: int
    unmatched: tuple[UnmatchedCode, ...]
    offset_s: float
    drift_ppm: float
    residual_median_ms: float
    residual_iqr_ms: float
    photodiode_lag_median_ms: float | None
    photodiode_lag_iqr_ms: float | None
    n_without_photodiode: int

    def to_json_dict(self) -> dict[str, Any]:
        """Give the same facts as dicts, lists, numbers and texts."""
        return asdict(self)


def describe(
    sent: SentCodes,
    received: ReceivedCodes,
    index: NDArray[np.int64],
    fits: dict[int, ClockFit],
    *,
    lag_ms: NDArray[np.float64],
    light: NDArray[np.float64],
    marker: NDArray[np.float64],
) -> AlignmentQuality:
    """Put the report together.

    Parameters
    ----------
    sent, received
        Both lists of codes.
    index
        Received index of every sent code, -1 where lost, shape (n_sent,).
    fits
        The clocks of the segments that were placed, at least one.
    lag_ms
        Light minus received code, where both are known.
    light, marker
        Ticks of the light and of the code (received or expected), NaN where unknown, shape (n_sent,).
    """
    unmatched = _unmatched(sent, received, index)
    fates = [code.fate for code in unmatched]
    main = max(fits.values(), key=lambda fit: fit.n_codes)
    quartiles = np.percentile(lag_ms, (25, 50, 75)).tolist() if len(lag_ms) else None
    return AlignmentQuality(
        n_sent=len(sent.code),
        n_received=len(received.tick),
        n_matched=int(np.count_nonzero(index != UNPAIRED)),
        n_lost=fates.count("lost"),
        n_doubled=fates.count("doubled"),
        n_changed=int(np.count_nonzero(changed_codes(sent, received, index))),
        n_foreign=fates.count("foreign"),
        unmatched=unmatched,
        offset_s=main.offset_s,
        drift_ppm=main.drift_ppm,
        residual_median_ms=main.residual_median_ms,
        residual_iqr_ms=main.residual_iqr_ms,
        photodiode_lag_median_ms=quartiles[1] if quartiles else None,
        photodiode_lag_iqr_ms=quartiles[2] - quartiles[0] if quartiles else None,
        n_without_photodiode=int(np.count_nonzero(sent.is_lit & ~np.isnan(marker) & np.isnan(light))),
    )


def _unmatched(sent: SentCodes, received: ReceivedCodes, index: NDArray[np.int64]) -> tuple[UnmatchedCode, ...]:
    """Every code without a partner: lost ones by the journal's order, then received ones by time."""
    lost = np.flatnonzero(index == UNPAIRED).tolist()
    matched = np.zeros(len(received.tick), bool)
    matched[index[index != UNPAIRED]] = True
    last_matched_s: dict[int, float] = {}
    found: list[UnmatchedCode] = [
        UnmatchedCode("lost", row, int(sent.code[row]), float(sent.time_s[row])) for row in lost
    ]
    rows = zip(received.value.tolist(), received.time_s.tolist(), matched.tolist(), strict=True)
    for row, (code, time_s, is_matched) in enumerate(rows):
        if is_matched:
            last_matched_s[code] = time_s
        else:
            repeated = time_s - last_matched_s.get(code, -np.inf) <= MatchingRules().echo_s
            fate: Fate = "doubled" if repeated else "foreign"
            found.append(UnmatchedCode(fate, row, code, time_s))
    return tuple(found)
