"""How long a stage still takes, and the stages after it until a person is needed: from earlier days and its own pace.

What is not known is said to be unknown: a stage that was never run, one that counts nothing and takes longer than it
ever did, a stage of which earlier days tell only the time of a resumed rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Literal

from closedloop.artifacts.study import BROUGHT, STAGES, START_DAY
from closedloop.study.ledger import StageRecord
from closedloop.study.process.notes import ProgressNote

_GROWING = frozenset({"refit"})  # fits all days so far (section 3.1): day 3 has four of them, day 2 had three
_DAYS = 3  # the last ones tell more than all: protocols show more pairs on later days
_LEAST_COUNTED_S, _LEAST_SHARE = 2.0, 0.02  # before that a pace is chance
_FIRST_COUNT = 0.5  # a pace that promises less than this part of the time of earlier days is one of several counts

Basis = Literal["earlier days", "its own pace", "unknown"]


@dataclass(frozen=True)
class StageTimeLeft:
    """How long a stage still takes.

    Attributes
    ----------
    left_s
        Seconds; None where nobody can know.
    basis
        What tells.
    """

    stage: str
    left_s: float | None
    basis: Basis


def seconds_of(records: Iterable[StageRecord]) -> dict[tuple[int, str], float]:
    """Return how long stages took by (day, stage), of those that were made in one go.

    Of a stage that was begun more than once the ledger has the time of its last attempt, which found work half done.
    """
    return {
        (record.day, record.stage): record.seconds
        for record in records
        if record.state == "done" and record.seconds and record.attempt <= 1
    }


def expected_s(taken: Mapping[tuple[int, str], float], *, day: int, stage: str) -> float | None:
    """Return how long a stage of a day takes, by the days before it; None where there are none.

    Parameters
    ----------
    taken
        How long stages took, seconds by (day, stage).
    day, stage
        Which.

    Examples
    --------
    >>> expected_s({(0, "ingest"): 90, (1, "ingest"): 40, (2, "ingest"): 44}, day=3, stage="ingest")
    42.0
    >>> expected_s({(1, "refit"): 100}, day=3, stage="refit")  # of four days, where two took 100 s
    200.0
    """
    before = {of: seconds for (of, name), seconds in sorted(taken.items()) if name == stage and START_DAY < of < day}
    if len(before) > 1:
        before.pop(0, None)  # day 0 has clean images alone: it is used where nothing else is known
    if not before:
        return None
    if stage in _GROWING:
        return float(median(seconds * (day + 1) / (of + 1) for of, seconds in list(before.items())[-_DAYS:]))
    return float(median(list(before.values())[-_DAYS:]))


def stage_left(note: ProgressNote | None, *, now: float, whole_s: float | None, stage: str) -> StageTimeLeft:
    """Return how long the running stage still takes.

    Parameters
    ----------
    note
        How far it is; None where it has said nothing.
    now
        Seconds since 1970.
    whole_s
        How long it takes by earlier days; None where that is unknown.
    stage
        Its name.
    """
    paced_s = None if note is None else _by_pace(note, now)
    elapsed_s = 0.0 if note is None else max(now - note.began, 0.0)
    by_days_s = None if whole_s is None or elapsed_s > whole_s else whole_s - elapsed_s
    if paced_s is not None and (whole_s is None or elapsed_s + paced_s >= _FIRST_COUNT * whole_s):
        return StageTimeLeft(stage, round(paced_s, 1), "its own pace")
    if by_days_s is not None:
        return StageTimeLeft(stage, round(by_days_s, 1), "earlier days")
    return StageTimeLeft(stage, None, "unknown")


def _by_pace(note: ProgressNote, now: float) -> float | None:
    """Return the seconds to the end of what a stage counts now; None where it reads its inputs, or counted too little.

    What was there when it began to count, of an attempt before, tells nothing of its pace.
    """
    took_s, counted = note.moved - note.counting_since, note.done - note.counted_from
    if not note.is_working or note.total <= 0 or counted < _LEAST_SHARE * note.total or took_s < _LEAST_COUNTED_S:
        return None
    return max(took_s * (note.total - note.done) / counted - (now - note.moved), 0.0)


def stages_to_come(stage: str, *, is_last_day: bool, simulated: bool, is_followed: bool = False) -> tuple[str, ...]:
    """Return the stages after one of the same day until a person is needed or the day ends.

    Parameters
    ----------
    stage
        The one that runs.
    is_last_day
        Whether no day comes after it: nothing is queued then.
    simulated
        Whether nobody is needed.
    is_followed
        Whether another session of the day comes after this one, for which an animal waits.

    Examples
    --------
    >>> stages_to_come("plan", is_last_day=False, simulated=False)
    ('synthesize', 'schedule')
    >>> stages_to_come("ingest", is_last_day=True, simulated=False)
    ('refit', 'evaluate')
    >>> stages_to_come("evaluate", is_last_day=False, simulated=False, is_followed=True)
    ('queue', 'plan', 'synthesize', 'schedule')
    """
    if stage not in STAGES:
        return ()
    coming = [name for name in STAGES[STAGES.index(stage) + 1 :] if not (is_last_day and name == "queue")]
    if not simulated:
        coming = coming[: next((at for at, name in enumerate(coming) if name in BROUGHT), len(coming))]
        if is_followed and STAGES.index(stage) >= STAGES.index(BROUGHT[-1]):
            coming += STAGES[: STAGES.index(BROUGHT[0])]
    return tuple(coming)


@dataclass(frozen=True)
class DayTimeLeft:
    """How long the stage that runs still takes, and those that come after it on the same day."""

    running: StageTimeLeft
    to_come: tuple[StageTimeLeft, ...]

    @property
    def left_s(self) -> float | None:
        """Seconds until a person is needed or the day ends; None where one of the stages is unknown."""
        parts = [one.left_s for one in (self.running, *self.to_come)]
        known = [part for part in parts if part is not None]
        return round(sum(known), 1) if len(known) == len(parts) else None


def day_left(
    records: Iterable[StageRecord],
    note: ProgressNote | None,
    *,
    day: int,
    stage: str,
    now: float,
    is_last_day: bool,
    simulated: bool,
    is_followed: bool = False,
) -> DayTimeLeft:
    """Return how long the rest of a day takes.

    Parameters
    ----------
    records
        The ledger's rows.
    note
        How far the running stage is; None where it has said nothing.
    day, stage
        What runs.
    now
        Seconds since 1970.
    is_last_day, simulated, is_followed
        As in `stages_to_come`.
    """
    taken = seconds_of(records)
    coming = stages_to_come(stage, is_last_day=is_last_day, simulated=simulated, is_followed=is_followed)
    waiting = []
    for name in coming:
        seconds = expected_s(taken, day=day, stage=name)
        waiting.append(StageTimeLeft(name, seconds, "unknown" if seconds is None else "earlier days"))
    whole_s = expected_s(taken, day=day, stage=stage)
    return DayTimeLeft(stage_left(note, now=now, whole_s=whole_s, stage=stage), tuple(waiting))
