"""What a session's journal says so far, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from closedloop.artifacts.day.journal_rows import (
    Continued,
    DriftChecked,
    LaunchOpened,
    Paused,
    RecordingNoted,
    SessionEnded,
)

Doing = Literal["nothing", "showing", "paused", "complete", "stopped"]
"""What the rig does by its journal's last rows; nothing: it was not launched yet."""


@dataclass(frozen=True)
class ShownPicture:
    """An image that was shown: its row of images.npy, and why it was rejected; empty where it counts."""

    image: int
    reason: str


@dataclass(frozen=True)
class AcceptedMinute:
    """A minute of the session, from 0, and the presentations accepted and rejected in it."""

    minute: int
    accepted: int
    rejected: int


@dataclass(frozen=True)
class SessionRows:
    """Rows of a journal that are told one by one, of those that stand.

    Attributes
    ----------
    launches
        The last launches of the rig.
    told
        The last launches, pauses and ends of pauses, and what was said of the recorder, in their order.
    last_spans_s
        When the last images of the last launch came on and went off, on its clock.
    drift
        Where the eye rested when that was looked at last.
    ended
        The session's end.
    """

    launches: tuple[LaunchOpened, ...] = ()
    told: tuple[LaunchOpened | Paused | Continued | RecordingNoted, ...] = ()
    last_spans_s: tuple[tuple[float, float], ...] = ()
    drift: DriftChecked | None = None
    ended: SessionEnded | None = None


@dataclass(frozen=True)
class SessionCounts:
    """A session's journal in numbers, of the rows that stand.

    Attributes
    ----------
    doing
        What the rig does.
    n_launches, n_rows
        Launches of the rig, and rows that stand.
    n_presentations, n_accepted
        Shown, and of those what counts.
    rejected
        Presentations by the reason that they were rejected for.
    n_cut
        Begun, and no row says how long.
    n_trials, n_completed, n_broken, n_ignored, n_stopped
        Trials that ended, and how.
    n_time_outs
        Pauses after too many misses.
    n_codes, n_codes_doubtful
        Digital codes sent, and those that the end of the rig may have cut.
    codes_s
        From the first to the last code, summed over the launches, seconds.
    working_s
        The rig at work, summed over its launches, seconds; pauses included.
    running_s
        The same without pauses.
    lately_s, n_lately
        Running time of the last five minutes that ended with a trial, and what was accepted in it.
    n_rewards, reward_ms
        Rewards that the valve confirmed, and for how long it was open; by rigs that note none, what the trials say.
    n_rewards_failed, n_rewards_open
        Failed; told to the device and not confirmed yet.
    last_images
        The last images shown, the newest last.
    minutes
        Presentations by minute of the session, pauses included.
    reward_lengths
        Of the confirmed rewards: how many of each length in ms.
    """

    doing: Doing = "nothing"
    n_launches: int = 0
    n_rows: int = 0
    n_presentations: int = 0
    n_accepted: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    n_cut: int = 0
    n_trials: int = 0
    n_completed: int = 0
    n_broken: int = 0
    n_ignored: int = 0
    n_stopped: int = 0
    n_time_outs: int = 0
    n_codes: int = 0
    n_codes_doubtful: int = 0
    codes_s: float = 0.0
    working_s: float = 0.0
    running_s: float = 0.0
    lately_s: float = 0.0
    n_lately: int = 0
    n_rewards: int = 0
    reward_ms: float = 0.0
    n_rewards_failed: int = 0
    n_rewards_open: int = 0
    last_images: tuple[ShownPicture, ...] = ()
    minutes: tuple[AcceptedMinute, ...] = ()
    reward_lengths: dict[float, int] = field(default_factory=dict)

    @property
    def n_rejected(self) -> int:
        """Presentations that do not count."""
        return self.n_presentations - self.n_accepted

    def left_s(self, n_left: int) -> float | None:
        """Return how long a number of presentations takes at the pace of the last minutes; None without a pace."""
        if n_left <= 0:
            return 0.0
        recent = _at_pace(n_left, self.n_lately, self.lately_s)
        return recent if recent is not None else _at_pace(n_left, self.n_accepted, self.running_s)

    @property
    def pace_per_min(self) -> float | None:
        """Presentations accepted in a minute of running, in the last minutes; None before that can be said."""
        return None if self.lately_s < LEAST_PACE_S else 60.0 * self.n_lately / self.lately_s


LEAST_PACE_S = 20.0  # a few trials: what the first ones say is said of nothing


def _at_pace(n_left: int, n_done: int, done_s: float) -> float | None:
    return n_left * done_s / n_done if n_done > 0 and done_s >= LEAST_PACE_S else None
