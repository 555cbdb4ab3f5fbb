"""EyeLink, by its maker's library. Tried against recorded files behind a fake of that library, never on a tracker."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from closedloop.errors import DeviceError, SessionError
from closedloop.terminal.streams import one_line, say
from rig.ports.gaze import GazePoint, GazeSample
from rig.ports.timed import ClockReading
from rig.ports.trackers.edf import edf_name, receive
from rig.ports.trackers.pylink_dial import EyeLinkLink, dial
from rig.ports.trackers.sample_log import DeviceSample, SampleLog
from rig.ports.trackers.tracker import ToDegrees, TrackerStatus, said

_SAMPLE: Final = 200  # SAMPLE_TYPE of eye_data.h
_MISSING: Final = -32768  # MISSING_DATA of eye_data.h
_LEFT, _RIGHT, _BINOCULAR = 0, 1, 2  # of eyelink_eye_available
_MOST_A_READ: Final = 8_192  # more than the link's queue holds: what never ends is no queue
_FIRST_SAMPLE_S, _WATCHED_S = 2.0, 0.25
_ANSWER_S, _FIRST_ANSWER_S, _ENOUGH_S = 0.006, 0.1, 0.0006
_MS_RESOLUTION_S: Final = 0.0005  # the tracker says whole milliseconds
_QUIET_S: Final = 0.1  # the link is looked at where nothing came for so long
_GONE_S: Final = 1.0
_MODE_S: Final = 0.05  # between two modes, as its maker's examples wait
_BEFORE_STOP_S: Final = 0.1  # "50 to 100 ms following the event that ends the trial": the last of it is written

DATA: Final = (
    "file_event_filter = LEFT,RIGHT,FIXATION,SACCADE,BLINK,MESSAGE,BUTTON,INPUT",
    "file_sample_data = LEFT,RIGHT,GAZE,HREF,GAZERES,AREA,STATUS,INPUT",
    "link_sample_data = LEFT,RIGHT,GAZE,HREF,GAZERES,AREA,STATUS",
)
"""What the tracker writes into its file, and what it sends."""


@dataclass(frozen=True)
class EyeLinkSettings:
    """How an EyeLink is used.

    Attributes
    ----------
    address
        Of its computer.
    session_id
        Written into its file.
    width_px, height_px
        Of the animal's screen: what gaze in pixels is in.
    folder
        Where its file goes when the session is over; None: it writes none, as for a check.
    eye
        Which; None: the one that is tracked, left of two.
    is_href
        Whether HREF is read instead of gaze in pixels.
    """

    address: str
    session_id: str
    width_px: int
    height_px: int
    folder: Path | None = None
    eye: Literal["left", "right"] | None = None
    is_href: bool = False


class EyeLinkGaze:
    """An EyeLink that records: every sample it sends, and a file of its own with trials and codes as messages.

    Believed for samples that advance: a link without a tracker (`EyeLink(None)`) answers OK to everything.

    Parameters
    ----------
    settings
        How it is used.
    to_degrees
        From its two values to degrees.
    now_s
        The rig's clock.
    dialled
        Opens the link to an address.
    pause
        Waits, seconds.
    """

    name = "eyelink"

    def __init__(
        self,
        settings: EyeLinkSettings,
        *,
        to_degrees: ToDegrees,
        now_s: Callable[[], float],
        dialled: Callable[[str], EyeLinkLink] = dial,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings, self._to_degrees, self._now_s = settings, to_degrees, now_s
        self._dialled, self._pause = dialled, pause
        self._log = SampleLog(now_s)
        self._fault: DeviceError | None = None
        self._has_trials = False
        self._files: list[str] = []
        self._open()

    @property
    def place(self) -> str:
        """What it is and where, for messages."""
        return f"eyelink at {self._settings.address}"

    @property
    def silent_after_s(self) -> float:
        """How long it may keep still."""
        return self._log.silent_after_s

    def status(self) -> TrackerStatus:
        """Return what its samples say of it."""
        keeps = f"{self._files[-1]} on its disk" if self._files else ""
        return self._log.status(self._version, keeps=keeps)

    def _open(self) -> None:
        try:
            self._link = self._dialled(self._settings.address)
        except SessionError:
            raise
        except Exception as error:
            raise DeviceError(
                f"{self.place}: expected a tracker to answer, found: {said(error)}. Switch its computer on, start "
                "EyeLink there; look at the cable, and at this computer's address (100.1.1.2, mask 255.255.255.0)."
            ) from error
        try:
            self._start()
        except BaseException:
            with suppress(Exception):
                self._link.close()
            raise

    def _start(self) -> None:
        link, settings = self._link, self._settings
        self._version = one_line(str(link.getTrackerVersionString() or "")).strip() or "eyelink"
        link.setOfflineMode()
        self._pause(_MODE_S)
        corners = f"0 0 {settings.width_px - 1} {settings.height_px - 1}"
        for command in (f"screen_pixel_coords = {corners}", *DATA):
            link.sendCommand(command)
        if settings.folder is not None:
            self._open_file()
            link.sendMessage(f"DISPLAY_COORDS {corners}")
            link.sendMessage(f"closedloop session {settings.session_id}"[:130])
        writes = int(settings.folder is not None)
        code = link.startRecording(writes, writes, 1, 0)
        if code:
            raise DeviceError(
                f"{self.place}: expected it to record, found code {code}. "
                "Look at EyeLink's computer: end what it is doing, and try again."
            )
        self._eye = _LEFT  # until it says which are tracked
        if not self._log.wait(self._read, pause=self._pause, at_most_s=_FIRST_SAMPLE_S, watch_s=_WATCHED_S):
            found = "the same one again and again" if self._log.n_repeated else "none"
            raise DeviceError(
                f"{self.place}: expected samples that advance, found {found} in {_FIRST_SAMPLE_S:g} s, though it said "
                "that it records. See that it is a tracker, and that it shows the eye's image."
            )
        self._eye = self._choose_eye()
        self._log.synchronise(self._ask_clock(_FIRST_ANSWER_S))

    def _open_file(self) -> None:
        name = edf_name(time.time())
        code = self._link.openDataFile(name)
        if code:
            raise DeviceError(
                f"{self.place}: expected it to open {name} on its disk, found code {code}. "
                "See that its disk has room, and that its folder can be written."
            )
        self._files.append(name)

    def _choose_eye(self) -> int:
        tracked, wanted = self._link.eyeAvailable(), self._settings.eye
        if wanted is None and tracked in (_LEFT, _RIGHT, _BINOCULAR):
            return _RIGHT if tracked == _RIGHT else _LEFT
        number = _RIGHT if wanted == "right" else _LEFT
        if wanted is not None and tracked in (number, _BINOCULAR):
            return number
        found = {_LEFT: "the left", _RIGHT: "the right"}.get(tracked, "neither")
        raise DeviceError(
            f"{self.place}: expected it to track the {wanted or 'left or right'} eye, found {found}. "
            "Choose the eye on EyeLink's computer, or correct gaze.eye in rig.yaml."
        )

    def _read(self) -> list[DeviceSample]:
        found = []
        for _ in range(_MOST_A_READ):
            kind = self._link.getNextData()
            if not kind:
                break
            if kind != _SAMPLE:
                continue
            sample = self._link.getFloatData()
            if sample is not None:
                found.append(DeviceSample(float(sample.getTime()) / 1000.0, self._point(sample)))
        return found

    def _point(self, sample: Any) -> GazePoint | None:
        """Return where a sample looks: every number that the tracker sends may be the one for missing data."""
        data = sample.getRightEye() if self._eye == _RIGHT else sample.getLeftEye()
        if data is None:
            return None
        first, second = data.getHREF() if self._settings.is_href else data.getGaze()
        if not (_is_number(first) and _is_number(second)):
            return None
        return GazePoint(*self._to_degrees(float(first), float(second)))

    def samples(self, now_s: float) -> list[GazeSample]:  # noqa: ARG002 - as the port names it
        """Return every sample since the last call.

        Raises
        ------
        DeviceError
            The link failed.
        """
        if self._fault is not None:
            return []
        try:
            return self._log.take(self._read())
        except Exception as error:
            raise self._fail(error) from error

    def start_trial(self, trial: int, time_s: float) -> None:  # noqa: ARG002 - as the port names it
        """Note in its file that the fixation point of a trial went on."""
        self._has_trials = True
        self._note(f"closedloop trial {trial}")

    def note_code(self, code: int) -> None:
        """Note a digital code in its file."""
        self._note(f"closedloop code {code}")

    def _note(self, text: str) -> None:
        if self._fault is not None or not self._files:
            return
        try:
            self._link.sendMessage(text)
        except Exception as error:
            raise self._fail(error) from error

    def _fail(self, error: Exception) -> DeviceError:
        found = said(error)
        return self._failed(f"expected it to answer, found: {found}")

    def _failed(self, what: str) -> DeviceError:
        self._fault = DeviceError(f"{self.place}: {what}. Look at its computer and its cable, then continue.")
        return self._fault

    def check(self) -> None:
        """Look, where nothing came for a tenth of a second, whether the link is open and the tracker records.

        Raises
        ------
        DeviceError
            It is not so; raised once.
        """
        if self._fault is not None or self._log.age_s < _QUIET_S:
            return
        try:
            is_open, is_recording = self._link.isConnected() > 0, self._link.isRecording() == 0
        except Exception as error:
            raise self._fail(error) from error
        if not is_open:
            raise self._failed("expected its link to be open, found it closed")
        if not is_recording:
            raise self._failed("expected it to record, found that it stopped")

    def clock(self) -> ClockReading | None:
        """Ask for its time, and put its samples on the rig's clock by the answer. See `Tracker.clock`."""
        if self._fault is not None:
            return None
        try:
            reading = self._ask_clock(_ANSWER_S)
        except Exception as error:
            raise self._fail(error) from error
        self._log.synchronise(reading)
        return reading

    def _ask_clock(self, at_most_s: float) -> ClockReading | None:
        """Ask until the answer is quick, and return the quickest; None where none came."""
        best: ClockReading | None = None
        end_s = self._now_s() + at_most_s
        while self._now_s() < end_s and (best is None or best.uncertainty_s > _ENOUGH_S + _MS_RESOLUTION_S):
            asked_s = self._now_s()
            self._link.requestTime()
            answer_ms = self._await_answer(end_s)
            if not answer_ms:
                break
            half_s = (self._now_s() - asked_s) / 2
            # The answer is a whole number of milliseconds, cut: half of one is added.
            device_s = answer_ms / 1000.0 + _MS_RESOLUTION_S
            reading = ClockReading(self.name, asked_s + half_s, device_s, half_s + _MS_RESOLUTION_S)
            best = reading if best is None or reading.uncertainty_s < best.uncertainty_s else best
        return best

    def _await_answer(self, end_s: float) -> float | None:
        while self._now_s() < end_s:
            answer_ms = self._link.readTime()
            if answer_ms:
                return answer_ms
            self._pause(0.0001)
        return None

    def mend(self) -> None:
        """Dial it again if it failed or is silent; it goes on in a new file.

        Raises
        ------
        DeviceError
            It is still not there.
        """
        if self._fault is None and self._log.age_s < _GONE_S:
            return
        with suppress(Exception):
            self._link.close()
        try:
            self._open()
        except Exception as error:
            self._fault = error if isinstance(error, DeviceError) else self._fail(error)
            raise self._fault from error
        self._fault = None

    def close(self) -> None:
        """End the recording, and bring its files; one that does not come is named, and is on its disk."""
        if self._fault is None:
            with suppress(Exception):
                self._pause(_BEFORE_STOP_S)
                self._link.stopRecording()
                self._link.setOfflineMode()
        with suppress(Exception):
            self._link.closeDataFile()
        for name in self._files if self._has_trials else ():
            self._bring(name)
        with suppress(Exception):
            self._link.close()

    def _bring(self, name: str) -> None:
        if self._settings.folder is not None:
            try:
                receive(self._link, name, self._settings.folder)
            except DeviceError as error:
                say(str(error))


def _is_number(value: object) -> bool:
    """Return whether a coordinate is one: missing data has a number of its own, and anything but a number is none."""
    return isinstance(value, int | float) and abs(value) < abs(_MISSING)
