"""What an alignment found: how many codes of which fate, how the clocks run, how long the display took."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from closedloop.alignment.code_lists import CodeLists
from closedloop.alignment.code_matching import UNPAIRED, MatchingRules
from closedloop.alignment.markers import Markers
from closedloop.alignment.pairing import Pairing
from closedloop.recording.lookup import take_or
from closedloop.recording.segments import names_for_machines

Fate = Literal["lost", "unplaced", "doubled", "foreign"]

_COPY_S = 0.05  # a second copy with flipped bits of its own

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class UnmatchedCode:
    """A code without a partner.

    `index` and `time_s` are in the journal's list and the rig's clock for a lost or unplaced code, in the received list
    and the array's clock (of `clock_segment`) otherwise; `clock_segment` is None on the rig. A doubled code repeats one
    that was matched; a foreign one belongs to nothing sent; an unplaced one was sent in a launch that is nowhere
    received.
    """

    fate: Fate
    index: int
    code: int
    time_s: float
    clock_segment: int | None = None

    def __str__(self) -> str:
        clock = (
            "rig"
            if self.clock_segment is None
            else "array" + (f", clock segment {self.clock_segment}" if self.clock_segment else "")
        )
        return f"{self.fate}: code {self.code} at {self.time_s:.3f} s ({clock}), number {self.index}"


@dataclass(frozen=True)
class SetAside:
    """A presentation without an onset: its row in the sent list, its code, the rig's time, and why."""

    index: int
    code: int
    time_s: float
    reason: str


@dataclass(frozen=True)
class RunQuality:
    """One launch of the rig on one clock segment of the recorder.

    Offset and drift relate the clocks as in `clock.ClockFit`, with the array's seconds counted from the clock segment's
    tick 0. `wander_ms` is the residual drift: how far the clock strayed from that line, end to end; `jitter_ms` the
    robust SD of single codes around both. `first_sent` and `last_sent` are rows of the sent list.
    """

    launch: int
    clock_segment: int
    n_codes: int
    first_sent: int
    last_sent: int
    offset_s: float
    drift_ppm: float
    residual_median_ms: float
    residual_iqr_ms: float
    wander_ms: float
    jitter_ms: float


@dataclass(frozen=True)
class UnplacedClockSegment:
    """A clock segment on which no run of the rig was found: how many codes it holds, and why they have no place."""

    clock_segment: int
    n_codes: int
    reason: str


@dataclass(frozen=True)
class AlignmentQuality:
    """The day's report on codes, clocks and photodiode of one device.

    ``n_sent = n_matched + n_lost + n_unplaced`` and ``n_received = n_matched + n_doubled + n_foreign + n_rest``.
    `n_changed` of the matched arrived with flipped bits; `n_off_time` of them came too early or late to time anything;
    `n_rest` were codes of zero between others: the lines went back. Offset, drift and residuals are those of the run
    with the most codes; `runs` has all. `photodiode_lag` is the display latency, photodiode onset minus received code,
    None where no onset was found; `n_without_photodiode` presentations had a marker but no onset after it;
    `n_late_frames` onsets came whole frames late. `n_by_source` counts the presentations by what timed them; with
    ``n_set_aside`` they are all.
    """

    n_sent: int
    n_received: int
    n_matched: int
    n_lost: int
    n_unplaced: int
    n_doubled: int
    n_changed: int
    n_off_time: int
    n_foreign: int
    n_rest: int
    unmatched: tuple[UnmatchedCode, ...]
    runs: tuple[RunQuality, ...]
    unplaced_clock_segments: tuple[UnplacedClockSegment, ...]
    offset_s: float
    drift_ppm: float
    residual_median_ms: float
    residual_iqr_ms: float
    photodiode_lag_median_ms: float | None
    photodiode_lag_iqr_ms: float | None
    light_from: str | None
    n_without_photodiode: int
    n_late_frames: int
    n_presentations: int
    n_by_source: dict[str, int]
    set_aside: tuple[SetAside, ...]

    @property
    def n_set_aside(self) -> int:
        """Presentations without an onset."""
        return len(self.set_aside)

    def set_aside_by_reason(self) -> dict[str, int]:
        """Count the presentations without an onset by reason."""
        return dict(sorted(Counter(one.reason for one in self.set_aside).items()))

    def to_json_dict(self) -> dict[str, Any]:
        """Return the same facts as dicts, lists, numbers and texts."""
        return dict(names_for_machines(asdict(self)))


def describe(
    lists: CodeLists,
    pairing: Pairing,
    markers: Markers,
    *,
    sent_code: NDArray[np.int64],
    is_lit: NDArray[np.bool_],
    is_uncertain: NDArray[np.bool_],
    source: NDArray[np.str_],
    reason: tuple[str, ...],
    latency_ms: Floats,
    late_frame: NDArray[np.bool_],
    light_from: str | None,
) -> AlignmentQuality:
    """Assemble the report.

    Parameters
    ----------
    lists, pairing, markers
        Codes, their pairs and when they came.
    sent_code
        Codes as the journal has them, shape (n_sent,).
    is_lit
        Which of them are presentations, shape (n_sent,).
    is_uncertain
        Which of them may never have been sent, shape (n_sent,): those are not counted unless they were received.
    source, reason
        Where each onset comes from, or why there is none.
    latency_ms
        Display latency: photodiode onset minus marker, NaN without an onset, shape (n_sent,).
    late_frame
        Which onsets came whole frames late.
    light_from
        Name of the device whose photodiode recorded them.
    """
    never_sent = is_uncertain & (pairing.received == UNPAIRED)
    unmatched = _unmatched(lists, pairing, sent_code, never_sent)
    fates = Counter(code.fate for code in unmatched)
    matched = pairing.received != UNPAIRED
    changed = matched & (take_or(lists.value, pairing.received, 0) != lists.code)
    runs = _runs(lists, pairing)
    main = max(runs, key=lambda run: run.n_codes)
    seen = ~np.isnan(latency_ms)
    by_code = latency_ms[seen & (markers.source == "code")]
    quartiles = np.percentile(by_code, (25, 50, 75)).tolist() if len(by_code) else None
    return AlignmentQuality(
        n_sent=int(np.count_nonzero(~never_sent)),
        n_received=len(lists.value),
        n_matched=int(np.count_nonzero(matched)),
        n_lost=fates["lost"],
        n_unplaced=fates["unplaced"],
        n_doubled=fates["doubled"],
        n_changed=int(np.count_nonzero(changed)),
        n_off_time=int(np.count_nonzero(matched & ~pairing.trusted)),
        n_foreign=fates["foreign"],
        n_rest=int(np.count_nonzero(_rests(lists, pairing))),
        unmatched=unmatched,
        runs=runs,
        unplaced_clock_segments=_unplaced_clock_segments(lists, pairing),
        offset_s=main.offset_s,
        drift_ppm=main.drift_ppm,
        residual_median_ms=main.residual_median_ms,
        residual_iqr_ms=main.residual_iqr_ms,
        photodiode_lag_median_ms=quartiles[1] if quartiles else None,
        photodiode_lag_iqr_ms=quartiles[2] - quartiles[0] if quartiles else None,
        light_from=light_from,
        n_without_photodiode=int(np.count_nonzero(is_lit & (markers.source != "none") & ~seen)),
        n_late_frames=int(np.count_nonzero(late_frame)),
        n_presentations=int(np.count_nonzero(is_lit)),
        n_by_source={name: int(np.count_nonzero(source[is_lit] == name)) for name in ("photodiode", "code", "fit")},
        set_aside=tuple(
            SetAside(row, int(sent_code[row]), float(lists.rig_s[row]), reason[row])
            for row in np.flatnonzero(is_lit & (source == "none")).tolist()
        ),
    )


def _runs(lists: CodeLists, pairing: Pairing) -> tuple[RunQuality, ...]:
    return tuple(
        RunQuality(
            launch=run.launch,
            clock_segment=run.clock_segment,
            n_codes=int(np.count_nonzero(pairing.run == k)),
            first_sent=run.sent[0],
            last_sent=run.sent[1],
            offset_s=lists.origin_tick[run.clock_segment] / lists.tick_hz + run.clock.fit.offset_s,
            drift_ppm=run.clock.fit.drift_ppm,
            residual_median_ms=run.clock.fit.residual_median_ms,
            residual_iqr_ms=run.clock.fit.residual_iqr_ms,
            wander_ms=float(np.ptp(run.clock.residual_drift_s)) * 1000 if len(run.clock.residual_drift_s) else 0.0,
            jitter_ms=run.clock.jitter_s * 1000,
        )
        for k, run in enumerate(pairing.runs)
    )


def _unplaced_clock_segments(lists: CodeLists, pairing: Pairing) -> tuple[UnplacedClockSegment, ...]:
    placed = {run.clock_segment for run in pairing.runs}
    heard = ~(lists.is_rest | lists.is_echo)
    missing = [clock_segment for clock_segment in lists.origin_tick if clock_segment not in placed]
    return tuple(
        UnplacedClockSegment(
            clock_segment, n, "a single code fits anywhere" if n == 1 else "its codes fit at no single place"
        )
        for clock_segment, n in (
            (clock_segment, int(np.count_nonzero(heard & (lists.clock_segment == clock_segment))))
            for clock_segment in missing
        )
        if n
    )


def _rests(lists: CodeLists, pairing: Pairing) -> NDArray[np.bool_]:
    """Find codes of zero between others that were taken for nothing else."""
    rests = lists.is_rest.copy()
    rests[pairing.received[pairing.received != UNPAIRED]] = False
    return rests


def _unmatched(
    lists: CodeLists, pairing: Pairing, sent_code: NDArray[np.int64], never_sent: NDArray[np.bool_]
) -> tuple[UnmatchedCode, ...]:
    """Every code without a partner: lost ones by the journal's order, then received ones by time."""
    placed = {run.launch for run in pairing.runs}
    lost = np.flatnonzero((pairing.received == UNPAIRED) & ~never_sent).tolist()
    never: list[UnmatchedCode] = [
        UnmatchedCode(
            "lost" if int(lists.launch[row]) in placed else "unplaced",
            row,
            int(sent_code[row]),
            float(lists.rig_s[row]),
        )
        for row in lost
    ]
    return (*never, *_surplus(lists, pairing))


def _surplus(lists: CodeLists, pairing: Pairing) -> tuple[UnmatchedCode, ...]:
    """List the received codes that belong to none."""
    row_of = np.full(len(lists.value), UNPAIRED)
    matched = np.flatnonzero(pairing.received != UNPAIRED)
    row_of[pairing.received[matched]] = matched
    left = np.flatnonzero((row_of == UNPAIRED) & ~lists.is_rest)
    found = []
    for j in left.tolist():
        fate: Fate = "doubled" if _is_copy(lists, j, row_of) else "foreign"
        clock_segment = int(lists.clock_segment[j])
        time_s = lists.origin_tick[clock_segment] / lists.tick_hz + float(lists.array_s[j])
        found.append(UnmatchedCode(fate, j, int(lists.value[j]), time_s, clock_segment))
    return tuple(found)


def _is_copy(lists: CodeLists, j: int, row_of: NDArray[np.int64]) -> bool:
    """Whether a received code repeats a matched one shortly before it, or the code that this one stands for."""
    rules = MatchingRules()
    for k in range(j - 1, -1, -1):
        apart_s = float(lists.array_s[j] - lists.array_s[k])
        if lists.clock_segment[k] != lists.clock_segment[j] or apart_s > rules.echo_s:
            return False
        if row_of[k] == UNPAIRED:
            continue
        originals = (int(lists.value[k]), int(lists.code[row_of[k]]))
        flipped = min((int(lists.value[j]) ^ original).bit_count() for original in originals)
        if flipped == 0 or (flipped <= rules.most_changed_bits and apart_s <= _COPY_S):
            return True
    return False
