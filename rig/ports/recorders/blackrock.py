"""Blackrock's recorder by its maker's library: Central is told to record, packets and a growing file show that it does.

Never tried on a device: nobody here has an NSP, a hub or Central. The library was run against nothing (it fails
cleanly), a stand-in of its interface against everything else.

`start_central_recording` is an order that nobody confirms, and before it Central's file dialog has to be open. No
Python runs for a packet: the library counts them, so that 30,000 of them a second do not delay a flip.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from closedloop.artifacts.rig.ports import BlackrockDevice
from closedloop.errors import DeviceError
from rig.ports.recorders.growth import RecordingFolder
from rig.ports.recorders.known import GrowingFile, KnownUntil, await_known
from rig.ports.recorders.names import name_of
from rig.ports.recorders.patience import RecorderPatience
from rig.ports.recorders.port import Idle, RecordingSeen, Take, checked_comment
from rig.ports.recorders.pycbsdk_library import CONTINUE, MEND, RecorderOrder, open_library_session, refuse_another
from rig.ports.timed import ClockReading

_NS = 1e-9


class BlackrockRecorder:
    """An NSP or hub, and Central, which writes its files.

    Parameters
    ----------
    device
        Whose packets are counted.
    folder
        Where Central's files grow, if this computer sees it.
    patience
        How long to wait for what.
    now_s, nap
        Any clock that goes on, seconds; and what lets so many pass.

    Raises
    ------
    DeviceError
        The library or the device is not there, or another one is.
    """

    name = "blackrock"
    is_told = hears_comments = True

    def __init__(
        self,
        device: BlackrockDevice,
        folder: Path | None = None,
        *,
        patience: RecorderPatience | None = None,
        now_s: Callable[[], float] = time.monotonic,
        nap: Callable[[float], None] = time.sleep,
    ) -> None:
        self.device, self._patience, self._now_s, self._nap = device, patience or RecorderPatience(), now_s, nap
        self._folder = RecordingFolder(folder) if folder is not None else None
        self.take: Take | None = None
        self._session: Any = None
        self._is_lost = False
        self._file = ""
        self._packets, patience = KnownUntil(now_s), self._patience
        self._growth = (
            GrowingFile(self._folder, now_s, look_s=patience.look_s, stalls_s=patience.stalls_s, late_s=patience.late_s)
            if self._folder is not None
            else None
        )
        self._open()

    def _open(self) -> None:
        self._session = open_library_session(self.device)
        try:
            refuse_another(self.device, str(self._session.proc_ident))
        except Exception:
            self._let_go()
            raise
        self._n_packets, self._n_garbled = self._counted()
        self._heard_s = self._now_s()
        self._is_lost = False
        with suppress(Exception):  # the first reading of its clock needs one that has come back
            self._session.send_clock_probe()

    def _counted(self) -> tuple[int, int]:
        stats = self._session.stats
        return int(stats.packets_received), int(stats.receive_errors)

    def await_packets(self, idle: Idle) -> int:
        """Wait until packets arrive, and return how many did.

        Parameters
        ----------
        idle
            Called while it waits.

        Raises
        ------
        DeviceError
            None does.
        """
        first, _ = self._counted()
        until_s = self._now_s() + self._patience.packets_s
        while self._now_s() < until_s:
            n_packets, _ = self._counted()
            if n_packets > first:
                self._n_packets, self._heard_s = n_packets, self._now_s()
                return n_packets - first
            idle()
        raise DeviceError(
            f"recorder: expected packets from {self.device}, found none in {self._patience.packets_s:g} s. "
            f"{MEND}, and that this computer is on its network."
        )

    def start(self, take: Take, idle: Idle) -> RecordingSeen:
        """Have Central record into a new file, and wait until packets arrive and the file grows.

        Parameters
        ----------
        take
            What it is called; the session's name is its comment, by which ingest knows it.
        idle
            Called while it waits.

        Raises
        ------
        DeviceError
            No packet comes, or no file of that name grows.
        SessionError
            The session's name is longer than a comment.
        """
        comment = checked_comment(take.session_id)
        self.await_packets(idle)
        if self._folder is not None:
            self._folder.begin()
        with self._told("open Central's file dialog"):
            self._session.open_central_file_dialog()
        self._wait(self._patience.dialog_s, idle)
        with self._told("start a recording"):
            self._session.start_central_recording(take.file, comment)
        self.take, self._file = take, ""
        try:
            seen = self._see_start(take, idle)
        except Exception:
            self._abandon()
            raise
        with self._told("take a comment"):
            self._session.send_comment(comment)
        self._packets.begin()
        if self._growth is not None:
            self._growth.begin(name_of(take.file))
        return seen

    def _see_start(self, take: Take, idle: Idle) -> RecordingSeen:
        self.await_packets(idle)
        if self._folder is None:
            doubt = (
                f"recorder: packets come from {self.device}; whether a file grows cannot be seen from this computer. "
                f"See in Central that {take.file} is recorded, or set recorder.folder in rig.yaml."
            )
            return RecordingSeen("packets", f"packets come from {self.device}", doubt)
        until_s = self._now_s() + self._patience.begins_s
        others: set[str] = set()
        while self._now_s() < until_s:
            grown = [path.name for path in self._folder.grown()]
            own = [name for name in grown if name.startswith(name_of(take.file))]
            if own:
                self._file = own[0]
                return RecordingSeen("packets_and_file", f"packets come from {self.device}, and {own[0]} grows")
            others |= set(grown)
            idle()
        found = f"{sorted(others)[0]} that does" if others else "none that does"
        raise DeviceError(
            f"recorder: expected {name_of(take.file)} to grow in {self._folder.folder}, found {found} in "
            f"{self._patience.begins_s:g} s. Start Central and see that it is idle, or correct recorder.folder "
            f"where its files go elsewhere, {CONTINUE}."
        )

    def _abandon(self) -> None:
        """Have Central stop what nobody saw: a file that is told of nowhere shall not grow."""
        self.take = None
        with suppress(Exception):
            self._session.stop_central_recording()

    def _wait(self, wait_s: float, idle: Idle) -> None:
        until_s = self._now_s() + wait_s
        while self._now_s() < until_s:
            idle()

    def check(self) -> None:
        """Look whether packets still come; returns at once.

        Raises
        ------
        DeviceError
            None did for a while, or the network damages them.
        """
        if self._is_lost:
            return
        with self._told("count its packets"):
            n_packets, n_garbled = self._counted()
        now_s = self._now_s()
        if self.take is not None:
            self._packets.look(has_come=n_packets > self._n_packets)
        if n_packets > self._n_packets:
            self._n_packets, self._heard_s = n_packets, now_s
        n_new, self._n_garbled = n_garbled - self._n_garbled, n_garbled
        if n_new > 0:
            raise DeviceError(
                f"recorder: expected whole packets from {self.device}, found {n_new} that could not be read. "
                f"Check the network cable between the two, {CONTINUE}."
            )
        if now_s - self._heard_s >= self._patience.lost_s:
            self._lose()
            raise DeviceError(
                f"recorder: expected packets from {self.device}, found none for {self._patience.lost_s:g} s. "
                f"{MEND}, {CONTINUE}: it records into a new file."
            )

    def _lose(self) -> None:
        self._is_lost, self.take = True, None

    def mend(self) -> None:
        """Open the device again if it was lost; then nothing is known to record.

        Raises
        ------
        DeviceError
            It is still not there.
        """
        if not self._is_lost:
            return
        self._let_go()
        self._open()
        self._is_lost = True
        self.await_packets(lambda: self._nap(0.01))
        with suppress(Exception):  # Central may still record the lost file, and takes a new name when it has ended
            self._session.stop_central_recording()
        self._is_lost = False

    def look(self) -> None:
        """Look whether the recording's file still grows, every few seconds.

        Raises
        ------
        DeviceError
            It has not for long.
        """
        if self.take is not None and self._growth is not None and self._growth.has_stalled():
            raise self._stalled(self.take, self._growth)

    def _stalled(self, take: Take, file: GrowingFile) -> DeviceError:
        self.take = None
        return DeviceError(
            f"recorder: expected {name_of(take.file)} to grow in {file.folder}, found that it has not for "
            f"{file.still_s:.0f} s. See that Central records and that its disk has room, {CONTINUE}: it records into a "
            "new file."
        )

    def known_ago_s(self) -> float:
        """Return how long ago packets came and the file, where it is seen, grew: the recording was on then."""
        until_s = self._packets.until_s
        return self._now_s() - (until_s if self._growth is None else min(until_s, self._growth.known.until_s))

    def confirm(self, ago_s: float, idle: Idle) -> None:
        """Wait until the recording is known to have been on so many seconds ago.

        Parameters
        ----------
        ago_s
            Before this call.
        idle
            Called while it waits.

        Raises
        ------
        DeviceError
            Packets or file have stopped before.
        """

        def look() -> bool:
            idle()
            self.check()
            if self._growth is not None:
                self._growth.look()
            return self.take is not None

        take, patience_s = self.take, self._patience.begins_s
        is_known = take is None or await_known(
            ago_s, known_ago_s=self.known_ago_s, now_s=self._now_s, patience_s=patience_s, look=look
        )
        if not is_known and self.take is not None and self._growth is not None:
            raise self._stalled(self.take, self._growth)

    def comment(self, text: str) -> None:
        """Write a comment into the recording.

        Raises
        ------
        SessionError
            It is longer than Central keeps.
        DeviceError
            The device did not take it.
        """
        with self._told("take a comment"):
            self._session.send_comment(checked_comment(text))

    def stop(self, idle: Idle) -> RecordingSeen:
        """Have Central stop, and wait until the file grows no more.

        Parameters
        ----------
        idle
            Called while it waits.

        Raises
        ------
        DeviceError
            It does.
        """
        take, self.take = self.take, None
        with self._told("stop the recording"):
            self._session.stop_central_recording()
        if self._folder is None or take is None:
            doubt = "recorder: told to stop; whether its file has ended cannot be seen from here. See in Central."
            return RecordingSeen("nobody", "told to stop", doubt)
        until_s = self._now_s() + self._patience.ends_s
        still_since_s = self._now_s()
        while self._now_s() < until_s:
            if any(path.name.startswith(name_of(take.file)) for path in self._folder.grown()):
                still_since_s = self._now_s()
            elif self._now_s() - still_since_s >= self._patience.still_s:
                return RecordingSeen("file", f"{name_of(take.file)} has ended")
            idle()
        raise DeviceError(
            f"recorder: expected {name_of(take.file)} to have ended, found that it still grows after "
            f"{self._patience.ends_s:g} s. Stop it in Central."
        )

    def clock(self) -> ClockReading | None:
        """Return the device's time of its last packet, and the rig's then, by the library's own comparison.

        The library compares the two by probes that go there and back; one is sent for the next reading.
        """
        if self._is_lost:
            return None
        with self._told("say its time"):
            device_ns, uncertainty_ns = self._session.time, self._session.clock_uncertainty_ns
            self._session.send_clock_probe()
            if uncertainty_ns is None or self._session.clock_offset_ns is None:
                return None  # no probe has come back yet
            rig_s = float(self._session.device_to_monotonic(device_ns))
        return ClockReading(f"recorder ({self.device})", rig_s, device_ns * _NS, uncertainty_ns * _NS)

    def close(self) -> None:
        """Stop what is still recorded, and let the device go."""
        try:
            if self.take is not None:
                self.take = None
                self._session.stop_central_recording()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _told(self, what: str) -> RecorderOrder:
        return RecorderOrder(self.device, what)
