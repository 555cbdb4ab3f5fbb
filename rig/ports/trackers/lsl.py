"""Any tracker with an LSL outlet. Tried with outlets of this computer; never with a tracker, nor another computer."""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from closedloop.artifacts.rig.ports import GazeUnit
from closedloop.errors import DeviceError
from rig.ports.gaze import GazePoint, GazeSample
from rig.ports.timed import ClockReading
from rig.ports.trackers.lsl_streams import LslStream, StreamReach, find_stream, library
from rig.ports.trackers.sample_log import DeviceSample, SampleLog
from rig.ports.trackers.tracker import ToDegrees, TrackerStatus, said

_OPEN_S, _FIRST_SAMPLE_S, _WATCHED_S = 3.0, 2.0, 0.5
_FIRST_ANSWER_S, _ANSWER_S = 3.0, 0.005
_GONE_S: Final = 1.0
_KEPT_S: Final = 60  # by the library, while nobody reads
_MOST_A_READ: Final = 16_384
_LATE_S: Final = 1.0
_TEXT: Final = 3  # channel_format of a stream of strings

LABELS: Final = (
    ("x", "y"),
    ("gaze_x", "gaze_y"),
    ("gazex", "gazey"),
    ("x_gaze", "y_gaze"),
    ("left_gaze_x", "left_gaze_y"),
    ("norm_pos_x", "norm_pos_y"),
)
"""Pairs of labels that are taken for x and y without being told, the first that a stream has, in capitals or not."""

_UNITS: Final[dict[str, GazeUnit]] = {
    **dict.fromkeys(("deg", "degree", "degrees"), "deg"),
    **dict.fromkeys(("px", "pixel", "pixels"), "px"),
    **dict.fromkeys(("normalized", "normalised", "norm"), "normalized"),
}


@dataclass(frozen=True)
class LslSettings:
    """How a stream is used.

    Attributes
    ----------
    address
        Which: its name, or `key=value`.
    reach
        Whether it may be on another computer.
    channels
        Labels of x and y; None: see `LABELS`, and the first two of a stream without labels.
    """

    address: str
    reach: StreamReach = "loopback"
    channels: tuple[str, str] | None = None


class LslGaze:
    """The stream of an outlet: every sample of it; a value that is no number is no eye.

    An outlet that is gone says nothing for ever: silence is judged by the machine, and a stream that the library knows
    to be lost is raised. It comes back by `mend`.

    Parameters
    ----------
    settings
        Which stream.
    to_degrees
        Returns the way to degrees from what its outlet says that its values are; None: it says nothing.
    now_s
        The rig's clock.
    """

    name = "lsl"

    def __init__(
        self,
        settings: LslSettings,
        *,
        to_degrees: Callable[[GazeUnit | None], ToDegrees],
        now_s: Callable[[], float],
    ) -> None:
        self._settings, self._units, self._now_s = settings, to_degrees, now_s
        self._log = SampleLog(now_s)
        self._fault: DeviceError | None = None
        self._open()

    @property
    def place(self) -> str:
        """What it is and where, for messages."""
        return f"lsl stream {self._settings.address}"

    @property
    def silent_after_s(self) -> float:
        """How long it may keep still: a bridge may send its samples in packets."""
        return self._log.silent_after_s

    def status(self) -> TrackerStatus:
        """Return what its samples say of it."""
        return self._log.status(f"{self._stream.name} on {self._stream.hostname}")

    def _open(self) -> None:
        self._pylsl = library()
        self._stream = find_stream(self._settings.address, self._settings.reach)
        self._x, self._y = choose_channels(self._stream, self._settings, self.place)
        self._to_degrees = self._units(unit_of(self._stream, (self._x, self._y)))
        self._inlet: Any = self._pylsl.StreamInlet(self._stream.info, max_buflen=_KEPT_S, recover=False)
        try:
            self._start()
        except DeviceError:
            self._inlet.close_stream()
            raise

    def _start(self) -> None:
        try:
            self._inlet.open_stream(timeout=_OPEN_S)
        except Exception as error:
            raise DeviceError(
                f"{self.place}: expected its outlet to send, found: {said(error)}. "
                "Start the tracker's LSL program again."
            ) from error
        if not self._log.wait(self._read, pause=time.sleep, at_most_s=_FIRST_SAMPLE_S, watch_s=_WATCHED_S):
            raise DeviceError(
                f"{self.place}: expected samples that advance, found none in {_FIRST_SAMPLE_S:g} s. "
                "See that the tracker tracks, and that its LSL program sends."
            )
        self._log.synchronise(self._ask_clock(_FIRST_ANSWER_S))
        if abs(self._log.lag_s) > _LATE_S:
            raise DeviceError(
                f"{self.place}: expected samples with the time of LSL's clock, found them {self._log.lag_s:+,.1f} s "
                "late. Have its program stamp them by LSL's local_clock."
            )

    def _read(self) -> list[DeviceSample]:
        values, times_s = self._inlet.pull_chunk(timeout=0.0, max_samples=_MOST_A_READ)
        return [DeviceSample(time_s, self._point(one)) for one, time_s in zip(values, times_s, strict=True)]

    def _point(self, values: Sequence[float]) -> GazePoint | None:
        first, second = values[self._x], values[self._y]
        if not (math.isfinite(first) and math.isfinite(second)):
            return None
        return GazePoint(*self._to_degrees(first, second))

    def samples(self, now_s: float) -> list[GazeSample]:  # noqa: ARG002 - as the port names it
        """Return every sample since the last call.

        Raises
        ------
        DeviceError
            Its outlet is gone.
        """
        if self._fault is not None:
            return []
        try:
            return self._log.take(self._read())
        except Exception as error:
            raise self._fail(error) from error

    def _fail(self, error: Exception) -> DeviceError:
        self._fault = DeviceError(
            f"{self.place}: expected its outlet to go on, found: {said(error)}. "
            "Start the tracker's LSL program again, then continue."
        )
        return self._fault

    def start_trial(self, trial: int, time_s: float) -> None:
        """Do nothing: an outlet is told nothing."""

    def note_code(self, code: int) -> None:
        """Do nothing: a stream has no file of ours."""

    def check(self) -> None:
        """Do nothing: a stream that is lost is known by its samples."""

    def clock(self) -> ClockReading | None:
        """Compare its clock with the rig's, and put its samples on the rig's by that. See `Tracker.clock`."""
        if self._fault is not None:
            return None
        reading = self._ask_clock(_ANSWER_S)
        self._log.synchronise(reading)
        return reading

    def _ask_clock(self, at_most_s: float) -> ClockReading | None:
        """Read LSL's clock here, and how far its computer's is from it; on one computer they are the same."""
        behind = (0.0, 0.0) if self._settings.reach == "loopback" else self._correction(at_most_s)
        if behind is None:
            return None
        before_s = self._now_s()
        device_s = float(self._pylsl.local_clock())
        half_s = (self._now_s() - before_s) / 2
        return ClockReading(self.name, before_s + half_s, device_s - behind[0], half_s + behind[1])

    def _correction(self, at_most_s: float) -> tuple[float, float] | None:
        """Return what is to be added to its times, and how uncertain that is; LSL measures it in the background."""
        remote_s, uncertainty_s, code = ctypes.c_double(), ctypes.c_double(), ctypes.c_int()
        ask = self._pylsl.lib.lib.lsl_time_correction_ex
        ask.restype = ctypes.c_double
        ask.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_double, ctypes.c_void_p]
        results = (ctypes.byref(remote_s), ctypes.byref(uncertainty_s))
        found_s = ask(self._inlet.obj, *results, at_most_s, ctypes.byref(code))
        return None if code.value else (float(found_s), abs(uncertainty_s.value))

    def mend(self) -> None:
        """Look for it again if it failed or is silent.

        Raises
        ------
        DeviceError
            It is still not there.
        """
        if self._fault is None and self._log.age_s < _GONE_S:
            return
        with suppress(Exception):
            self._inlet.close_stream()
        try:
            self._open()
        except DeviceError as error:
            self._fault = error
            raise
        self._fault = None

    def close(self) -> None:
        """Release the stream."""
        self._inlet.close_stream()


def choose_channels(stream: LslStream, settings: LslSettings, place: str) -> tuple[int, int]:
    """Return which channels of a stream are x and y.

    Parameters
    ----------
    stream
        That was found.
    settings
        Names them, or does not.
    place
        Which stream, for messages.

    Raises
    ------
    DeviceError
        It has no such channels, or none that are numbers.
    """
    n_channels, labels = int(stream.info.channel_count()), stream.labels
    if n_channels < 2 or int(stream.info.channel_format()) == _TEXT:
        kind = "text" if int(stream.info.channel_format()) == _TEXT else "numbers"
        raise DeviceError(
            f"{place}: expected a stream of gaze, two channels of numbers or more, found {n_channels} of {kind} "
            f"({stream.type or 'no type'}). Correct gaze.address in rig.yaml."
        )
    if labels is None and settings.channels is None:
        return 0, 1
    known = tuple(label.casefold() for label in labels or ())
    for x, y in (settings.channels,) if settings.channels is not None else LABELS:
        if x.casefold() in known and y.casefold() in known:
            return known.index(x.casefold()), known.index(y.casefold())
    wanted = " and ".join(settings.channels) if settings.channels is not None else "channels called x and y"
    raise DeviceError(
        f"{place}: expected {wanted}, found {', '.join(labels or ()) or 'no labels'}. "
        "Set gaze.channels in rig.yaml to the labels of x and y."
    )


def unit_of(stream: LslStream, channels: tuple[int, int]) -> GazeUnit | None:
    """Return what a stream's outlet says that its x and y are; None where it says nothing that is known here.

    Parameters
    ----------
    stream
        That was found.
    channels
        Which of it are x and y.
    """
    if stream.units is None:
        return None
    known = {_UNITS.get(stream.units[channel].casefold()) for channel in channels}
    return known.pop() if len(known) == 1 else None
