"""A recorder that a person starts and stops: the session waits for that person's word, and looks where it can.

Never tried beside a recorder: what is tried here are its questions, and files that grow or do not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from closedloop.errors import DeviceError
from rig.ports.recorders.growth import RecordingFolder
from rig.ports.recorders.names import name_of
from rig.ports.recorders.port import Idle, RecordingSeen, Take

_BEGINS_S, _LOOK_S, _STALLS_S = 10.0, 5.0, 30.0


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
        self._next_look_s = self._grew_s = 0.0

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
                self._next_look_s = self._grew_s = self._now_s()
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
        now_s = self._now_s()
        if self.take is None or self._folder is None or now_s < self._next_look_s:
            return
        self._next_look_s = now_s + _LOOK_S
        if self._folder.grown():
            self._grew_s = now_s
        elif now_s - self._grew_s >= _STALLS_S:
            self.take = None
            raise DeviceError(
                f"recorder: expected a file to grow in {self._folder.folder}, found none for "
                f"{now_s - self._grew_s:.0f} s. See that it records and that its disk has room, then continue."
            )

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
