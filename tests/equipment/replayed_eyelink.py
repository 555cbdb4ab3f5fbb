"""A fake of pylink's `EyeLink` that replays the samples of a real EDF file, at their own rate, on any clock.

It has the names and the answers of pylink 2.2.596 as they were tried there (test_eyelink.py compares the names), and
the faults of a tracker: it stalls, repeats itself, is unplugged, sends rubbish, or keeps its file.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

SAMPLE_TYPE, MESSAGE_EVENT, LOST_DATA = 200, 24, 63
MISSING = -32768.0
LATENCY_MS = 2.0  # of a sample on its way, at 1000 Hz with the link's standard filter


def recordings() -> list[Path]:
    """Return the real EDF files that eyelinkio ships."""
    import eyelinkio

    return sorted((Path(eyelinkio.__file__).parent / "tests" / "data").glob("*.edf"))


@dataclass(frozen=True)
class Recording:
    """Samples of an EDF file: rows are x and y of the left eye, and of the right one; NaN where there was none."""

    path: Path
    rate_hz: float
    eyes: str
    gaze: np.ndarray

    def point(self, n: int, eye: int) -> tuple[float, float] | None:
        x, y = (float(self.gaze[2 * eye + k, n % self.gaze.shape[1]]) for k in (0, 1))
        return None if math.isnan(x) or math.isnan(y) else (x, y)


@cache
def read_recording(path: Path) -> Recording:
    import eyelinkio

    edf = eyelinkio.read_edf(path)
    fields, samples, eyes = edf["info"]["sample_fields"], edf["samples"], edf["info"]["eye"]
    rows = {name: samples[number] for number, name in enumerate(fields)}
    none = np.full(samples.shape[1], np.nan)
    if eyes == "BINOCULAR":
        gaze = [rows["xpos_left"], rows["ypos_left"], rows["xpos_right"], rows["ypos_right"]]
    elif eyes == "LEFT_EYE":
        gaze = [rows["xpos"], rows["ypos"], none, none]
    else:
        gaze = [none, none, rows["xpos"], rows["ypos"]]
    return Recording(path, float(edf["info"]["sfreq"]), eyes, np.array(gaze))


@dataclass
class TrackerComputer:
    """EyeLink's computer: its clock, what it was told, what is on its disk; it outlives links.

    Attributes
    ----------
    recording
        What the eye does.
    now_s
        The true time.
    started_s
        When its program was started: its clock counts from there.
    fast
        How much faster its clock runs than the true time, as a part.
    begun_ms, ends_ms
        Its time when it began to record, and of its last sample.
    """

    recording: Recording
    now_s: Callable[[], float] = time.monotonic
    started_s: float = -1234.5
    fast: float = 0.0
    faults: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    messages: list[tuple[float, str]] = field(default_factory=list)
    disk: set[str] = field(default_factory=set)
    late_ms: float = LATENCY_MS
    begun_ms: float | None = None
    ends_ms: float = math.inf

    def clock_ms(self) -> float:
        return (self.now_s() - self.started_s) * 1000.0 * (1 + self.fast)

    def has(self, fault: str) -> bool:
        """Return whether a fault is there: said in this process, or by a file from another one."""
        folder = os.environ.get("FAKE_EYELINK")
        return fault in self.faults or (folder is not None and Path(folder, fault).exists())

    def dial(self, address: str) -> ReplayedEyeLink:
        """Open a link, as `pylink.EyeLink(address)` does."""
        if self.has("absent") or self.has("unplugged"):
            raise RuntimeError(f"Could not connect to tracker at {address}")
        return ReplayedEyeLink(self)


class Eye:
    """`pylink.SampleData`, as far as it is used."""

    def __init__(self, gaze: tuple[float, float] | None) -> None:
        self._gaze = (MISSING, MISSING) if gaze is None else gaze

    def getGaze(self) -> tuple[float, float]:  # noqa: N802
        return self._gaze

    def getHREF(self) -> tuple[float, float]:  # noqa: N802
        x, y = self._gaze
        return (x, y) if x == MISSING else (10 * x - 5000, 10 * y - 4000)


class EyeSample:
    """`pylink.Sample`, as far as it is used."""

    def __init__(self, time_ms: float, left: Eye | None, right: Eye | None) -> None:
        self._time_ms, self._left, self._right = time_ms, left, right

    def getTime(self) -> float:  # noqa: N802
        return self._time_ms

    def getLeftEye(self) -> Eye | None:  # noqa: N802
        return self._left

    def getRightEye(self) -> Eye | None:  # noqa: N802
        return self._right


class ReplayedEyeLink:
    """A link to it."""

    def __init__(self, computer: TrackerComputer) -> None:
        self.computer = computer
        self._begun_ms: float | None = None
        self._next = 0
        self._item: Any = None
        self._asked_ms: float | None = None
        self._is_closed = False
        self._stalled_at: int | None = None

    def _gone(self) -> bool:
        return self._is_closed or self.computer.has("unplugged")

    def _answer(self, what: str) -> int:
        if self._gone():
            raise RuntimeError("Link terminated")
        self.computer.told.append(what)
        return 0

    def isConnected(self) -> int:  # noqa: N802
        return 0 if self._gone() else -1 if self.computer.has("dummy") else 1

    def isRecording(self) -> int:  # noqa: N802
        return 0 if self._begun_ms is not None and not self.computer.has("stopped") else 27  # any but 0 will do

    def getTrackerVersionString(self) -> str:  # noqa: N802
        return " " if self.computer.has("dummy") else "EYELINK CL 4.56"

    def sendCommand(self, command_text: str) -> int:  # noqa: N802
        return self._answer(command_text)

    def sendMessage(self, message_text: str) -> int:  # noqa: N802
        assert len(message_text) <= 130
        self.computer.messages.append((self.computer.clock_ms(), message_text))
        return self._answer(message_text)

    def setOfflineMode(self) -> int:  # noqa: N802
        return self._answer("offline")

    def openDataFile(self, name: str) -> int:  # noqa: N802
        stem, dot, end = name.partition(".")
        assert dot, name
        assert end == "EDF", name
        assert 1 <= len(stem) <= 8, name
        assert stem.isalnum(), name
        assert stem.upper() == stem, name
        assert name not in self.computer.disk, f"{name}: written over"
        if self.computer.has("full"):
            return -1
        self.computer.disk.add(name)
        return self._answer(f"open {name}")

    def closeDataFile(self) -> int:  # noqa: N802
        return self._answer("close file")

    def receiveDataFile(self, src: str, dest: str) -> int:  # noqa: N802
        self._answer(f"receive {src}")
        if self.computer.has("keeps-file") or self.computer.has("dummy"):
            return 0  # as EyeLink(None) does
        if src not in self.computer.disk:
            raise RuntimeError("File not found")
        if self.computer.has("empty-file"):
            Path(dest).touch()
            return 0
        shutil.copyfile(self.computer.recording.path, dest)
        return Path(dest).stat().st_size

    def startRecording(self, file_samples: int, file_events: int, link_samples: int, link_events: int) -> int:  # noqa: N802
        if self.computer.has("busy"):
            return 27
        self._answer(f"record {file_samples} {file_events} {link_samples} {link_events}")
        self._begun_ms = self.computer.begun_ms = math.ceil(self.computer.clock_ms())
        self._next = 0
        return 0

    def stopRecording(self) -> None:  # noqa: N802
        self._answer("stop")
        self._begun_ms = None

    def eyeAvailable(self) -> int:  # noqa: N802
        return {"LEFT_EYE": 0, "RIGHT_EYE": 1, "BINOCULAR": 2}[self.computer.recording.eyes]

    def getNextData(self) -> int | None:  # noqa: N802
        computer = self.computer
        if computer.has("dummy"):
            return None
        if self._begun_ms is None or self._gone():
            return 0
        if computer.has("stalled"):
            self._stalled_at = self._next
            return 0
        if self._stalled_at is not None:  # what it did not send is lost
            step_ms = 1000.0 / computer.recording.rate_hz
            self._next = max(self._next, math.ceil((computer.clock_ms() - self._begun_ms) / step_ms))
            self._stalled_at = None
        time_ms = self._begun_ms + self._next * 1000.0 / computer.recording.rate_hz
        if time_ms + computer.late_ms > computer.clock_ms() or time_ms > computer.ends_ms:
            return 0
        self._next += 1
        return self._deliver(time_ms)

    def _deliver(self, time_ms: float) -> int:
        computer, recording, n = self.computer, self.computer.recording, self._next - 1
        if computer.has("garbled") and n % 6:
            # Half a sample, an event that nobody asked for, numbers that are none, times of other days.
            self._item = (
                None,
                EyeSample(time_ms, Eye((math.nan, 1e30)), Eye((math.inf, math.nan))),
                EyeSample(time_ms - 86_400_000.0, Eye((0.0, 0.0)), Eye((0.0, 0.0))),
                EyeSample(time_ms + 86_400_000.0, Eye((0.0, 0.0)), Eye((0.0, 0.0))),
                EyeSample(math.nan, Eye((0.0, 0.0)), Eye((0.0, 0.0))),
            )[n % 6 - 1]
            return LOST_DATA if n % 12 == 1 else SAMPLE_TYPE
        if computer.has("frozen"):
            time_ms, n = self._begun_ms or 0.0, 0
        left, right = (
            Eye(recording.point(n, eye)) if recording.eyes in (name, "BINOCULAR") else None
            for eye, name in enumerate(("LEFT_EYE", "RIGHT_EYE"))
        )
        self._item = EyeSample(time_ms, left, right)
        return SAMPLE_TYPE

    def getFloatData(self) -> Any:  # noqa: N802
        return self._item

    def requestTime(self) -> int:  # noqa: N802
        self._asked_ms = self.computer.clock_ms()
        return 0

    def readTime(self) -> float:  # noqa: N802
        if self._asked_ms is None or self.computer.has("mute-clock") or self.computer.has("stalled"):
            return 0
        asked_ms, self._asked_ms = self._asked_ms, None
        return int(asked_ms)

    def close(self) -> int:
        self._is_closed = True
        return 0
