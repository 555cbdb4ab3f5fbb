"""Counting a session row by row: after each row the numbers are those of a replay of all rows so far."""

from __future__ import annotations

from collections import Counter, deque
from datetime import datetime
from typing import Final

from closedloop.artifacts.day.journal_rows import (
    Continued,
    DriftChecked,
    JournalRow,
    LaunchOpened,
    Paused,
    RecordingNoted,
    SessionEnded,
    TimeOut,
)
from closedloop.artifacts.day.presented.launch_times import goes_on
from closedloop.service.reading.session.counts import AcceptedMinute, Doing, SessionCounts, SessionRows, ShownPicture
from closedloop.service.reading.session.kept import (
    ACCEPTED,
    OUTCOMES,
    REASONS,
    REWARD_STATES,
    Happening,
    KeptRow,
    KeptRows,
    ShownOnset,
)

LAST_IMAGES: Final = 8
_LAST_ROWS: Final = 60  # launches, pauses, rows about the recorder: what a page shows of them
_LAST_SPANS: Final = 400  # images: a minute or more
_LATELY_S: Final = 300.0
_MOST_MINUTES: Final = 2880  # two days: a clock that jumps makes no list without end


class JournalTally:
    """The rows of a journal, counted as they come."""

    def __init__(self) -> None:
        self._kept = KeptRows()
        self._numbers = _StandingNumbers()

    def add(self, row: JournalRow) -> None:
        """Count a row, and what it voids no more."""
        if isinstance(row, LaunchOpened):
            standing = self._kept.after(row)
            if standing is not None:
                self._kept, self._numbers = standing, _StandingNumbers()
                for kept in standing:
                    self._numbers.add(kept, _seldom(standing, kept))
        kept = self._kept.keep(row)
        self._numbers.add(kept, _seldom(self._kept, kept))

    def counts(self) -> SessionCounts:
        """Return the numbers so far."""
        return self._numbers.counts(len(self._kept))

    def onsets(self) -> tuple[ShownOnset, ...]:
        """Return when each image came on."""
        return tuple(self._kept.onsets())

    def rows(self) -> SessionRows:
        """Return what is told row by row."""
        return self._numbers.rows()


def _seldom(rows: KeptRows, kept: KeptRow) -> JournalRow | None:
    return rows.seldom[int(kept.value)] if kept.what is Happening.SELDOM else None


class _StandingNumbers:
    """Numbers of rows that all stand."""

    def __init__(self) -> None:
        self._happened: Counter[Happening] = Counter()
        self._rejected: Counter[int] = Counter()
        self._outcomes: Counter[int] = Counter()
        self._rewards: Counter[int] = Counter()
        self._lengths: Counter[float] = Counter()
        self._confirmed_ms = self._ended_ms = 0.0
        self._open_ordinals: Counter[float] = Counter()
        self._open_trials: Counter[float] = Counter()
        self._images: deque[ShownPicture] = deque(maxlen=LAST_IMAGES)
        self._launches: deque[LaunchOpened] = deque(maxlen=_LAST_ROWS)
        self._told: deque[LaunchOpened | Paused | Continued | RecordingNoted] = deque(maxlen=_LAST_ROWS)
        self._spans: deque[tuple[float, float]] = deque(maxlen=_LAST_SPANS)
        self._n_launches = self._n_time_outs = 0
        self._drift: DriftChecked | None = None
        self._ended: SessionEnded | None = None
        self._time = _SessionTime()

    def add(self, kept: KeptRow, seldom: JournalRow | None) -> None:
        self._happened[kept.what] += 1
        if isinstance(seldom, LaunchOpened):
            self._launches.append(seldom)
            self._n_launches += 1
            self._spans.clear()
            self._time.begin(seldom)
        self._time.run_to(kept.time_s)
        match kept.what:
            case Happening.SELDOM:
                self._note(seldom)
            case Happening.BEGUN:
                self._open_ordinals[kept.counted] += 1
            case Happening.TRIAL_BEGUN:
                self._open_trials[kept.counted] += 1
            case Happening.TRIAL_STARTED:
                self._open_trials.pop(kept.counted, None)
                self._time.send(kept.time_s)
            case Happening.SHOWN:
                self._show(kept)
            case Happening.TRIAL_ENDED:
                self._outcomes[kept.choice] += 1
                self._ended_ms += kept.value
                self._time.mark(self._happened[Happening.SHOWN] - self._rejected.total())
            case Happening.REWARD:
                self._reward(kept)

    def _show(self, kept: KeptRow) -> None:
        self._open_ordinals.pop(kept.counted, None)
        is_accepted = kept.choice == ACCEPTED
        self._rejected[kept.choice] += not is_accepted
        reason = "" if is_accepted else REASONS[kept.choice] or "no reason given"
        self._images.append(ShownPicture(kept.image, reason))
        self._spans.append((kept.value, kept.time_s))
        self._time.send(kept.value)
        self._time.count(kept.time_s, is_accepted=is_accepted)

    def _reward(self, kept: KeptRow) -> None:
        self._rewards[kept.choice] += 1
        if REWARD_STATES[kept.choice] == "acknowledged":
            self._confirmed_ms += kept.value
            self._lengths[kept.value] += 1

    def _note(self, row: JournalRow | None) -> None:
        if isinstance(row, LaunchOpened | Paused | Continued | RecordingNoted):
            self._told.append(row)
        match row:
            case Paused():
                self._time.is_paused = True
            case Continued() | LaunchOpened():
                self._time.is_paused = False
            case TimeOut():
                self._n_time_outs += 1
            case DriftChecked():
                self._drift = row
            case SessionEnded():
                self._ended = self._ended or row
            case _:
                pass

    def rows(self) -> SessionRows:
        return SessionRows(
            launches=tuple(self._launches),
            told=tuple(self._told),
            last_spans_s=tuple(self._spans),
            drift=self._drift,
            ended=self._ended,
        )

    def _doing(self) -> Doing:
        if self._ended is not None:
            return self._ended.outcome
        if not self._n_launches:
            return "nothing"
        return "paused" if self._time.is_paused else "showing"

    def counts(self, n_rows: int) -> SessionCounts:
        outcomes = {name: self._outcomes[place] for place, name in enumerate(OUTCOMES)}
        rewards = {name: self._rewards[place] for place, name in enumerate(REWARD_STATES)}
        is_noted = self._happened[Happening.REWARD] > 0
        n_shown = self._happened[Happening.SHOWN]
        return SessionCounts(
            doing=self._doing(),
            n_launches=self._n_launches,
            n_rows=n_rows,
            n_presentations=n_shown,
            n_accepted=n_shown - self._rejected.total(),
            rejected={REASONS[place] or "no reason given": n for place, n in sorted(self._rejected.items()) if n},
            n_cut=self._open_ordinals.total(),
            n_trials=self._happened[Happening.TRIAL_ENDED],
            n_completed=outcomes["completed"],
            n_broken=outcomes["broken"],
            n_ignored=outcomes["ignored"],
            n_stopped=outcomes["stopped"],
            n_time_outs=self._n_time_outs,
            n_codes=n_shown + self._happened[Happening.TRIAL_STARTED],
            n_codes_doubtful=self._open_ordinals.total() + self._open_trials.total(),
            codes_s=self._time.codes_s,
            working_s=self._time.working_s,
            running_s=self._time.running_s,
            lately_s=self._time.lately[0],
            n_lately=self._time.lately[1],
            n_rewards=rewards["acknowledged"] if is_noted else outcomes["completed"] * (self._ended_ms > 0),
            reward_ms=self._confirmed_ms if is_noted else self._ended_ms,
            n_rewards_failed=rewards["failed"],
            n_rewards_open=max(rewards["given"] - rewards["acknowledged"] - rewards["failed"], 0),
            last_images=tuple(self._images),
            minutes=self._time.minutes(),
            reward_lengths=dict(sorted(self._lengths.items())),
        )


class _SessionTime:
    """The times of a session: each launch by its own clock, laid beside each other by the wall clock where it is known.

    Attributes
    ----------
    is_paused
        Whether time passes without anything shown.
    working_s, running_s, codes_s
        As in `SessionCounts`.
    """

    def __init__(self) -> None:
        self.is_paused = False
        self.running_s = 0.0
        self._before_s = 0.0  # at work in the launches before this one
        self._codes_before_s = 0.0
        self._codes: tuple[float, float] | None = None
        self._launch: LaunchOpened | None = None
        self._first_utc: datetime | None = None
        self._offset_s = 0.0  # of minute 0 from this launch's time 0
        self._last_s = 0.0
        self._marks: deque[tuple[float, int]] = deque([(0.0, 0)])
        self._by_minute: dict[int, list[int]] = {}

    def begin(self, launch: LaunchOpened) -> None:
        """Begin a launch."""
        earlier = self._launch
        self._before_s, self._codes_before_s = self.working_s, self.codes_s
        utc = _utc(launch)
        if earlier is None:
            self._offset_s, self._first_utc = launch.time_s, utc
        elif utc is not None and self._first_utc is not None:
            self._offset_s = launch.time_s - max((utc - self._first_utc).total_seconds(), 0.0)
        elif not goes_on(earlier, launch):
            self._offset_s = launch.time_s - (self._last_s - self._offset_s)
        self._launch, self._codes, self._last_s = launch, None, launch.time_s

    def run_to(self, time_s: float) -> None:
        """Take the time of a row."""
        if self._launch is not None and not self.is_paused:
            self.running_s += max(time_s - self._last_s, 0.0)
        self._last_s = time_s

    def send(self, time_s: float) -> None:
        """Take the time of a digital code."""
        if self._launch is not None:
            first, last = self._codes or (time_s, time_s)
            self._codes = min(first, time_s), max(last, time_s)

    def count(self, time_s: float, *, is_accepted: bool) -> None:
        """Count a presentation into its minute."""
        minute = int(min(max((time_s - self._offset_s) // 60, 0), _MOST_MINUTES))
        self._by_minute.setdefault(minute, [0, 0])[not is_accepted] += 1

    def mark(self, n_accepted: int) -> None:
        """Remember how far the session is: a trial ended."""
        self._marks.append((self.running_s, n_accepted))
        while len(self._marks) > 2 and self.running_s - self._marks[1][0] >= _LATELY_S:
            self._marks.popleft()

    @property
    def working_s(self) -> float:
        return self._before_s + (self._last_s - self._launch.time_s if self._launch is not None else 0.0)

    @property
    def codes_s(self) -> float:
        return self._codes_before_s + (self._codes[1] - self._codes[0] if self._codes is not None else 0.0)

    @property
    def lately(self) -> tuple[float, int]:
        """Running time between the marks of the last minutes, and what was accepted in it."""
        (since_s, since_n), (until_s, until_n) = self._marks[0], self._marks[-1]
        return until_s - since_s, until_n - since_n

    def minutes(self) -> tuple[AcceptedMinute, ...]:
        last = max(self._by_minute, default=-1)
        return tuple(AcceptedMinute(at, *self._by_minute.get(at, (0, 0))) for at in range(last + 1))


def _utc(launch: LaunchOpened) -> datetime | None:
    try:
        found = datetime.fromisoformat(launch.utc) if launch.utc else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
