"""Ports that fail: a display, an eye tracker, a valve, a code line and an operator, each after a script of its own.

Every one knows the truth that the journal is compared with: what was on the screen for how many frames, what went over
the wire, what the valve confirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from random import Random

from closedloop.artifacts.day.journal_rows import CommandName, JournalRow, RewardNoted
from closedloop.errors import SessionError
from rig.display.display import DisplayFacts, Flip, Picture
from rig.operator.commands import Command
from rig.ports.gaze import GazePoint, GazeSample
from rig.session.journal import JournalWriter

HZ = 60.0
Span = tuple[float, float]


class PowerGone(BaseException):
    """The process is killed here: nothing after it runs."""


@dataclass(frozen=True)
class ImagePeriod:
    """An image as it was on the screen: frames are the screen's own count."""

    onset_frame: int
    on_frames: int
    grey_frames: int  # since the image before it


@dataclass
class Screen:
    """What was really on the screen, over all launches."""

    frame: int = 0
    periods: dict[int, ImagePeriod] = field(default_factory=dict)  # by onset frame
    _slot: int | None = None
    _onset: int = 0
    _offset: int = -(10**9)

    def show(self, slot: int | None) -> None:
        """Note what appears now."""
        if slot == self._slot:
            return
        if self._slot is not None:
            self._note()
        if slot is not None:
            self._onset = self.frame
        self._slot = slot

    def _note(self) -> None:
        grey = self._onset - self._offset
        self.periods[self._onset] = ImagePeriod(self._onset, self.frame - self._onset, grey)
        self._offset = self.frame


class FaultyDisplay:
    """A screen whose frames come late or early, that is covered now and then, and before which the rig is killed.

    Parameters
    ----------
    screen
        What it shows on; outlives launches.
    late, early
        Frames at which a flip takes so many frames more; and at which it does not wait.
    covered
        Frames at which a window covers it.
    kill_at
        Frame at whose flip the rig is killed, and whether before or after the picture has appeared.
    """

    name = "headless"
    clock_kind = "real"
    refresh_hz = HZ

    def __init__(
        self,
        screen: Screen,
        *,
        late: dict[int, int] | None = None,
        early: Collection[int] = (),
        covered: Collection[int] = (),
        kill_at: tuple[int, bool] | None = None,
    ) -> None:
        self.screen, self._late, self._early = screen, late or {}, set(early)
        self.covered, self._kill_at = frozenset(covered), kill_at
        self._n_slots = 0
        self.facts = DisplayFacts(
            renderer="none",
            width_px=320,
            height_px=240,
            measured_hz=HZ,
            pacing="vblank",
            gamma="identity",
            grey_level=127,
            priority=True,
            frame_counter="oml",
        )

    def now_s(self) -> float:
        return self.screen.frame / HZ

    def utc(self) -> None:
        return None

    def prepare(self, image_indices: Sequence[int]) -> None:
        self._n_slots = len(image_indices)

    def flip(self, picture: Picture, *, at_flip: Callable[[], None] | None = None) -> Flip:
        assert picture.slot is None or picture.slot < self._n_slots
        before = self.screen.frame
        killed = self._kill_at is not None and before >= self._kill_at[0]
        if killed and not self._kill_at[1]:
            raise PowerGone
        if before in self._early:
            self._early.remove(before)
        else:
            self.screen.frame += 1 + self._late.get(before, 0)
        self.screen.show(picture.slot)
        if at_flip is not None:
            at_flip()
        if killed:
            raise PowerGone
        return Flip(self.screen.frame / HZ, self.screen.frame - before)

    def health(self) -> tuple[str, ...]:
        return ("a window covers it",) if self.screen.frame in self.covered else ()

    def bring_back(self) -> None:
        """Do nothing: what covers it stays."""

    def keys(self) -> tuple[str, ...]:
        return ()

    def close(self) -> None:
        pass


def within(time_s: float, spans: Sequence[Span]) -> bool:
    return any(begin <= time_s < end for begin, end in spans)


class FastTracker:
    """An eye tracker of 500 samples a second: inside, but for spans of rig time outside, blinking, silent or gone."""

    name = "tracker"

    def __init__(
        self,
        start_s: float,
        *,
        away: Sequence[Span] = (),
        blinks: Sequence[Span] = (),
        silent: Sequence[Span] = (),
        gone: Sequence[Span] = (),
    ) -> None:
        self._n = round(start_s * 500)
        self.away, self._blinks, self._silent, self._gone = away, blinks, silent, gone

    def seen_away(self) -> list[Span]:
        """The spans outside that the tracker saw from beginning to end."""
        unseen = [*self._blinks, *self._silent, *self._gone]
        return [(b, e) for b, e in self.away if not any(begin < e and end > b for begin, end in unseen)]

    def start_trial(self, trial: int, time_s: float) -> None:
        pass

    def samples(self, now_s: float) -> list[GazeSample]:
        if within(now_s, self._gone):
            raise SessionError("gaze: expected the tracker, found none. Check its cable.")
        found = []
        while (self._n + 1) / 500 <= now_s:
            self._n += 1
            time_s = self._n / 500
            if not within(time_s, self._silent):
                found.append(GazeSample(time_s, self._point(time_s)))
        return found

    def _point(self, time_s: float) -> GazePoint | None:
        if within(time_s, self._blinks):
            return None
        return GazePoint(10.0, 0.0) if within(time_s, self.away) else GazePoint(0.1, 0.0)

    def close(self) -> None:
        pass


class SlowValve:
    """A valve that confirms after a time, sometimes never, and sometimes fails at once."""

    name = "valve"

    def __init__(self, now_s: Callable[[], float], random: Random, *, dead: float = 0.0, fails: float = 0.0) -> None:
        self._now_s, self._random, self._dead, self._fails = now_s, random, dead, fails
        self._open: list[tuple[float, float]] = []  # until when, and how long
        self.confirmed_ms: list[float] = []

    @property
    def is_open(self) -> bool:
        """Whether it has something to confirm that nobody asked for."""
        return bool(self._open)

    def give(self, duration_ms: float) -> None:
        if self._random.random() < self._fails:
            raise SessionError("reward: expected the valve, found none. Check its cable.")
        if self._random.random() >= self._dead:
            self._open.append((self._now_s() + duration_ms / 1000.0, duration_ms))

    def acknowledged(self) -> list[float]:
        now_s = self._now_s()
        found = [ms for until_s, ms in self._open if until_s <= now_s]
        self._open = [one for one in self._open if one[0] > now_s]
        self.confirmed_ms += found
        return found

    def close(self) -> None:
        pass


class Wire:
    """A code line that remembers what went over it; it outlives launches, and fails at the sends given."""

    transport = "parallel"

    def __init__(self, fails: Collection[int] = ()) -> None:
        self.codes: list[int] = []
        self.fails = set(fails)
        self._n = 0

    def send(self, code: int) -> None:
        self._n += 1
        if self._n in self.fails:
            raise OSError("no such device")
        self.codes.append(code)

    def close(self) -> None:
        pass


class Operator:
    """Somebody who asks for things at frames given, and continues whatever was paused after a while."""

    def __init__(self, screen: Screen, script: dict[int, CommandName], *, patience: int = 90) -> None:
        self._screen, self._script, self._patience = screen, dict(script), patience
        self._last = screen.frame
        self.answers: list[str] = []

    def poll(self) -> tuple[Command, ...]:
        frame, asked = self._screen.frame, []
        for at in [at for at in self._script if at <= frame]:
            asked.append(self._script.pop(at))
        if frame - self._last >= self._patience:
            self._last = frame
            asked.append("continue")
        return tuple(Command(name, "key", self.answers.append, self.answers.append) for name in asked)


class TornJournal:
    """A journal whose writer is killed in the middle of a line, or that is only slow to be made durable.

    Parameters
    ----------
    writer
        The real one.
    tear_at
        Number of the row, from 1, in whose line the rig is killed, and the part of the line that is written.
    """

    def __init__(self, writer: JournalWriter, path, *, tear_at: tuple[int, float] | None = None) -> None:
        self._writer, self._path, self._tear_at = writer, path, tear_at
        self._n = 0
        self.torn: JournalRow | None = None

    def write(self, row: JournalRow) -> None:
        self._n += 1
        before = self._path.stat().st_size
        self._writer.write(row)
        if self._tear_at is not None and self._n >= self._tear_at[0]:
            after = self._path.stat().st_size
            kept = before + int((after - before) * self._tear_at[1])
            with self._path.open("r+b") as file:
                file.truncate(kept)
            self.torn = row if kept < after else None
            raise PowerGone

    def sync(self) -> None:
        pass

    @property
    def lost_ms(self) -> float:
        """What was confirmed in a line that was torn."""
        row = self.torn
        return row.duration_ms if isinstance(row, RewardNoted) and row.state == "acknowledged" else 0.0
