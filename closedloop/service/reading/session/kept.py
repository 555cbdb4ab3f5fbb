"""Rows of a journal as a few numbers each: 28 bytes a row, so that a later launch can void what it shows again."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from enum import IntEnum, auto
from typing import Final, NamedTuple, get_args

from closedloop.artifacts.day.journal import CountedBy, counted_by, voids
from closedloop.artifacts.day.journal_rows import (
    ClockCompared,
    JournalRow,
    LaunchOpened,
    Presentation,
    PresentationBegun,
    RejectionReason,
    RewardNoted,
    TrialBegun,
    TrialEnded,
    TrialOutcome,
    TrialStarted,
)
from closedloop.artifacts.day.presented.launch_times import last_s

_BY: Final = get_args(CountedBy)
REASONS: Final[tuple[RejectionReason | None, ...]] = (*get_args(RejectionReason), None)
ACCEPTED: Final = len(REASONS)  # behind all reasons, that of a row without one included
OUTCOMES: Final[tuple[TrialOutcome, ...]] = get_args(TrialOutcome)
REWARD_STATES: Final = ("intended", "given", "acknowledged", "failed")


class Happening(IntEnum):
    """What a row tells, where that is told a thousand times a session; `SELDOM` is any other, kept as it is."""

    SELDOM = auto()
    TRIAL_BEGUN = auto()
    TRIAL_STARTED = auto()
    BEGUN = auto()
    SHOWN = auto()
    TRIAL_ENDED = auto()
    REWARD = auto()
    CLOCK = auto()


_PLAIN: Final[dict[type, Happening]] = {
    TrialBegun: Happening.TRIAL_BEGUN,
    TrialStarted: Happening.TRIAL_STARTED,
    PresentationBegun: Happening.BEGUN,
    ClockCompared: Happening.CLOCK,
}
_MOST_IMAGES: Final = 2**31 - 1  # what an array of numbers takes; no session has as many


class KeptRow(NamedTuple):
    """A row as numbers.

    Attributes
    ----------
    what
        Which kind it is.
    by, counted
        What says whether a later launch voids it (`counted_by`); `by` is a place in `CountedBy`.
    time_s
        When what it tells was over, on the rig's clock.
    value
        A presentation's onset in seconds, a reward in ms, of a seldom row its place among them.
    choice
        Place of a rejection's reason (`ACCEPTED` without), of a trial's outcome, of a reward's state.
    image
        A presentation's row of images.npy; else -1.
    """

    what: Happening
    by: int
    counted: float
    time_s: float
    value: float = 0.0
    choice: int = 0
    image: int = -1


class ShownOnset(NamedTuple):
    """When an image came on: its presentation's ordinal, the launch, and seconds on that launch's clock."""

    ordinal: int
    launch: int
    onset_s: float


class KeptRows:
    """The rows that stand, in order."""

    def __init__(self) -> None:
        self.seldom: list[JournalRow] = []
        self._whats, self._bys, self._choices = array("B"), array("B"), array("B")
        self._counts, self._times, self._values = array("d"), array("d"), array("d")
        self._images = array("i")

    def __len__(self) -> int:
        return len(self._whats)

    def __iter__(self) -> Iterator[KeptRow]:
        columns = (self._whats, self._bys, self._counts, self._times, self._values, self._choices, self._images)
        for what, *rest in zip(*columns, strict=True):
            yield KeptRow(Happening(what), *rest)

    def onsets(self) -> Iterator[ShownOnset]:
        """Yield when each image came on."""
        launch = -1
        for kept in self:
            row = self.seldom[int(kept.value)] if kept.what is Happening.SELDOM else None
            launch = row.segment if isinstance(row, LaunchOpened) else launch
            if kept.what is Happening.SHOWN:
                yield ShownOnset(int(kept.counted), launch, kept.value)

    def keep(self, row: JournalRow) -> KeptRow:
        """Add a row, and return what is kept of it."""
        kept = self._numbers(row)
        self._add(kept)
        return kept

    def after(self, launch: LaunchOpened) -> KeptRows | None:
        """Return the rows that a launch leaves standing; None where that is all of them."""
        columns = zip(self._bys, self._counts, strict=True)
        if not any(voids(launch, _BY[by], count) for by, count in columns):
            return None
        standing = KeptRows()
        for kept in self:
            if voids(launch, _BY[kept.by], kept.counted):
                continue
            if kept.what is not Happening.SELDOM:
                standing._add(kept)
                continue
            standing.seldom.append(self.seldom[int(kept.value)])
            standing._add(kept._replace(value=len(standing.seldom) - 1))
        return standing

    def _add(self, kept: KeptRow) -> None:
        self._whats.append(kept.what)
        self._bys.append(kept.by)
        self._counts.append(kept.counted)
        self._times.append(kept.time_s)
        self._values.append(kept.value)
        self._choices.append(kept.choice)
        self._images.append(kept.image)

    def _numbers(self, row: JournalRow) -> KeptRow:
        name, count = counted_by(row)
        kept = KeptRow(Happening.SELDOM, _BY.index(name), count, last_s(row))
        match row:
            case TrialBegun() | TrialStarted() | PresentationBegun() | ClockCompared():
                return kept._replace(what=_PLAIN[type(row)])
            case Presentation():
                choice = ACCEPTED if row.outcome == "accepted" else REASONS.index(row.reason)
                image = min(row.image_index, _MOST_IMAGES)
                return kept._replace(what=Happening.SHOWN, value=row.onset_s, choice=choice, image=image)
            case TrialEnded():
                ended = OUTCOMES.index(row.outcome)
                return kept._replace(what=Happening.TRIAL_ENDED, value=row.reward_ms, choice=ended)
            case RewardNoted():
                state = REWARD_STATES.index(row.state)
                return kept._replace(what=Happening.REWARD, value=row.duration_ms, choice=state)
            case _:
                self.seldom.append(row)
                return kept._replace(value=len(self.seldom) - 1)
