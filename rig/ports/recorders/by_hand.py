"""A recorder that a person starts and stops: the session waits for that person's word, and looks where it can.

Never tried beside a recorder: what is tried here are its questions, and files that grow or do not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from closedloop.errors import DeviceError
from rig.ports.recorders.growth import RecordingFolder
from rig.ports.recorders.known import GrowingFile, await_known
from rig.ports.recorders.names import name_of
from rig.ports.recorders.port import Idle, RecordingSeen, Take

_BEGINS_S, _LOOK_S, _STALLS_S = 10.0, 5.0, 30.0
_LATE_S = 1.0  # so late a folder of another computer may show what was recorded


class HandRecorder:
    """Whatever records, started by hand.

    Parameters
    ----------
    folder
        Where its files grow, if this computer sees it.
    now_s
        Any clock that goes on, seconds.
    """

    name = "by_hand"
    is_told, hears_comments = True, False

    def __init__(self, folder: Path | None = None, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._folder = RecordingFolder(folder) if folder is not None else None
        self._now_s = now_s
        self.take: Take | None = None
        self._growth = (
            GrowingFile(self._folder, now_s, look_s=_LOOK_S, stalls_s=_STALLS_S, late_s=_LATE_S)
            if self._folder is not None
            else None
        )

    def question(self, take: Take) -> str:
        """Return what is asked of the operator before a recording begins."""
        if self._folder is not None:
            self._folder.begin()
        before = "start the recorder" if take.part == 1 else "stop the recorder, and start it anew"
        return f"recorder: {before} with the file name {take.file}, then press Enter, or `rig tell SESSION continue`"

    def start(self, take: Take, idle: Idle) -> RecordingSeen:
        """Believe the operator, and see a file grow where this computer sees the folder.

        Parameters
        ----------
        take
            What it should be called.
        idle
            Called while it waits.

        Raises
        ------
        DeviceError
            No file grows.
        """
        if self._folder is None:
            self.take = take
            return RecordingSeen("operator", f"{take.file} is recorded, the operator says")
        until_s = self._now_s() + _BEGINS_S
        while self._now_s() < until_s:
            grown = [path.name for path in self._folder.grown()]
            if grown:
                own = [name for name in grown if name.startswith(name_of(take.file))]
                self.take = take
                if self._growth is not None:
                    self._growth.begin("")  # any file, whatever it is called
                name = (own or grown)[0]
                return RecordingSeen(
                    "file", f"{name} grows", "" if own else _other_name(take, name), name.rpartition(".")[0]
                )
            idle()
        raise DeviceError(
            f"recorder: expected a file to grow in {self._folder.folder}, found none in {_BEGINS_S:g} s. Start the "
            f"recorder with the file name {take.file}, then continue; where its files go elsewhere, correct "
            "recorder.folder."
        )

    def look(self) -> None:
        """Look whether a file still grows, every few seconds.

        Raises
        ------
        DeviceError
            None has for long.
        """
        if self.take is not None and self._growth is not None and self._growth.has_stalled():
            raise self._stalled(self._growth)

    def _stalled(self, file: GrowingFile) -> DeviceError:
        self.take = None
        return DeviceError(
            f"recorder: expected a file to grow in {file.folder}, found none for {file.still_s:.0f} s. "
            "See that it records and that its disk has room, then continue."
        )

    def known_ago_s(self) -> float | None:
        """Return how long ago a file was last known to grow; None where this computer sees none."""
        return self._now_s() - self._growth.known.until_s if self._growth is not None else None

    def confirm(self, ago_s: float, idle: Idle) -> None:
        """Wait until a file is known to have grown so many seconds ago; returns at once where none is seen.

        Parameters
        ----------
        ago_s
            Before this call.
        idle
            Called while it waits.

        Raises
        ------
        DeviceError
            None grows any more.
        """
        file, now_s = self._growth, self._now_s
        if file is None or self.take is None:
            return

        def look() -> bool:
            idle()
            file.look()
            return True

        if not await_known(
            ago_s, known_ago_s=lambda: now_s() - file.known.until_s, now_s=now_s, patience_s=_BEGINS_S, look=look
        ):
            raise self._stalled(file)

    def comment(self, _text: str) -> None:
        """Do nothing: nobody hears it."""

    def stop(self, _idle: Idle) -> RecordingSeen:
        """Have the operator reminded."""
        take, self.take = self.take, None
        file = take.file if take is not None else "the recording"
        return RecordingSeen("nobody", "", f"recorder: stop the recorder now ({file}).")

    def close(self) -> None:
        """Do nothing: the operator was reminded."""


def _other_name(take: Take, found: str) -> str:
    return (
        f"recorder: expected the file name {name_of(take.file)}, found that {found} grows. The journal has the name "
        "that was found; bring that file to the study."
    )
