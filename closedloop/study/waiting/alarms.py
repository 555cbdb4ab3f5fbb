"""Sleeping until something may have changed: until the kernel tells of it, or until it is time to look again.

What wakes is a hint and no more: whoever is woken looks, and what counts is what they see.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol as Port

from closedloop.study.waiting.file_systems import changes_are_told

POLL_S = 2.0
"""How often one looks where nobody tells, seconds."""

_AT_LEAST_S = 60.0  # so often one looks in any case: the kernel may drop what it had to tell, or not know of it
_STEP_MS, _TOGETHER_MS = 500, 2_000  # changes within half a second count as one; at rest, two wakings a second


class Alarm(Port):
    """What a waiting process sleeps by."""

    def sleep(self, seconds: float, folders: Sequence[Path]) -> None:
        """Sleep until something may have changed in one of the folders, at most for so long.

        Parameters
        ----------
        seconds
            At most.
        folders
            Those that are there now, without those inside of them.
        """

    def said(self) -> str:
        """Return in a few words by what one is woken."""


@dataclass(frozen=True)
class ByLooking:
    """Wakes after a time, whatever happened.

    Attributes
    ----------
    poll_s
        After how many seconds.
    why
        Why nothing better is had; empty where it was asked for.
    pause
        How to sleep.
    """

    poll_s: float = POLL_S
    why: str = ""
    pause: Callable[[float], None] = time.sleep

    def sleep(self, seconds: float, folders: Sequence[Path]) -> None:  # noqa: ARG002 - of the port
        """Sleep for the time, or for less where less is asked for."""
        self.pause(max(min(seconds, self.poll_s), 0.0))

    def said(self) -> str:
        """Return how often one looks, and why."""
        return f"looks every {self.poll_s:g} s{f' ({self.why})' if self.why else ''}"


@dataclass
class ByEvents:
    """Wakes when the kernel tells of a change."""

    _folders: tuple[Path, ...] = ()
    _events: Iterator[object] | None = field(default=None, repr=False)

    def sleep(self, seconds: float, folders: Sequence[Path]) -> None:
        """Sleep until an event, at most for so long; where other folders are to be watched, be awake at once.

        Whoever looked at them did so before anybody watched: they look once more.
        """
        if tuple(folders) != self._folders or self._events is None:
            self._folders, self._events = tuple(folders), _events_in(folders)
            try:
                next(self._events, None)  # it watches from here on, and not from when it was made
            except (OSError, RuntimeError):  # a folder went in this moment, or the system watches no more of them
                self._events = None
                time.sleep(min(seconds, POLL_S))
            return
        until = time.monotonic() + min(seconds, _AT_LEAST_S)
        while time.monotonic() < until:
            if next(self._events, None) != set():  # None: a folder is gone, and with it who watched
                return

    def said(self) -> str:
        """Return that one is told."""
        return "is told by the system when files change"


def alarm_for(folders: Sequence[Path], *, poll_s: float | None) -> Alarm:
    """Return what a process may sleep by that waits for changes in some folders.

    Parameters
    ----------
    folders
        Where they are expected.
    poll_s
        To look every so many seconds, whatever the system would tell; None to be told, where that can be had.
    """
    if poll_s is not None:
        return ByLooking(poll_s)
    if not changes_are_told(folders):
        return ByLooking(why="the folder is on a network or other shared file system")
    try:
        import watchfiles  # noqa: F401, PLC0415 - of an extra
    except ImportError:
        return ByLooking(why="watchfiles is not installed")
    return ByEvents()


def _events_in(folders: Sequence[Path]) -> Iterator[object]:
    from watchfiles import watch  # noqa: PLC0415 - of an extra

    return watch(
        *folders,
        watch_filter=None,
        recursive=False,
        debounce=_TOGETHER_MS,
        step=_STEP_MS,
        rust_timeout=_STEP_MS,
        yield_on_timeout=True,
        force_polling=False,
        ignore_permission_denied=True,
    )
