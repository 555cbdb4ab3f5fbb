"""The journal's side of ingest: what was sent, what was accepted, when it came on by each device's clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.alignment.alignment import Alignment
from closedloop.artifacts.day.journal import Journal, LaunchOpened, Presentation, TrialStarted
from closedloop.devices.device import Device
from closedloop.recording.codes import SentCodes
from closedloop.recording.usability import NEEDED_MS, usable


def sent_codes(journal: Journal) -> SentCodes:
    """List every digital code the rig sent, in order.

    A real rig's clock starts anew with each launch; a virtual clock goes on where the last one stopped, so that its
    launches are one.
    """
    codes, times, launches, lit, launch = [], [], [], [], -1
    for row in journal.rows:
        if isinstance(row, LaunchOpened):
            launch += 1 if row.clock == "real" or launch < 0 else 0
        elif isinstance(row, Presentation | TrialStarted):
            shown = isinstance(row, Presentation)
            codes.append(row.code)
            times.append(row.onset_s if isinstance(row, Presentation) else row.time_s)
            launches.append(launch)
            lit.append(shown)
    return SentCodes(np.array(codes, dtype=np.int64), np.array(times), np.array(launches), np.array(lit, dtype=bool))


@dataclass(frozen=True)
class DeviceOnsets:
    """All presentations of the journal on one device, (n_presentations,) each.

    `tick`, in `clock_segment`, is the onset on the screen; NaN where it is unknown or something around it was not
    recorded, with the reason. `time_s` puts all clock segments on one axis.
    """

    name: str
    processor: int
    tick_hz: float
    clock_segment: NDArray[np.int64]
    tick: NDArray[np.float64]
    time_s: NDArray[np.float64]
    source: NDArray[np.str_]
    reason: tuple[str, ...]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """What this device can answer for."""
        return np.isfinite(self.tick)


@dataclass(frozen=True)
class Onsets:
    """All presentations of the journal, and when each came on every device."""

    presentations: tuple[Presentation, ...]
    devices: tuple[DeviceOnsets, ...]

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """What the rig accepted."""
        return np.array([row.outcome == "accepted" for row in self.presentations])

    @property
    def used(self) -> NDArray[np.bool_]:
        """What counts: accepted, and usable on at least one device."""
        return np.asarray(self.accepted & np.any([device.usable for device in self.devices], axis=0))

    @property
    def image_index(self) -> NDArray[np.int64]:
        """Image of each presentation."""
        return np.array([row.image_index for row in self.presentations], dtype=np.int64)

    @property
    def time_s(self) -> NDArray[np.float64]:
        """Onsets on the first device's clock; where it has none, another's, moved by the median difference."""
        time_s = self.devices[0].time_s.copy()
        for device in self.devices[1:]:
            both = np.isfinite(time_s) & np.isfinite(device.time_s)
            shift_s = float(np.median((time_s - device.time_s)[both])) if both.any() else 0.0
            time_s = np.where(np.isfinite(time_s), time_s, device.time_s + shift_s)
        return time_s

    @property
    def reason(self) -> tuple[str, ...]:
        """Why a presentation does not count, or on which devices it does not; empty where it counts on all."""
        by_device = zip(*(device.reason for device in self.devices), strict=True)
        return tuple(
            f"rejected by the rig: {row.reason}" if row.outcome == "rejected" else self._joint_reason(reasons)
            for row, reasons in zip(self.presentations, by_device, strict=True)
        )

    def set_aside(self) -> dict[str, int]:
        """Count the accepted presentations that are not used, by reason."""
        return _count_reasons(self.reason, self.accepted & ~self.used)

    def set_aside_on(self, device: DeviceOnsets) -> dict[str, int]:
        """Count the accepted presentations that a device cannot answer for, by reason."""
        return _count_reasons(device.reason, self.accepted & ~device.usable)

    def onset_tick_on(self, device: DeviceOnsets) -> NDArray[np.float64]:
        """Return a device's onsets of the presentations that count there, NaN elsewhere."""
        return np.where(self.accepted, device.tick, np.nan)

    def table(self) -> dict[str, Any]:
        """Return the columns of responses.parquet."""
        rows = self.presentations
        return {
            "ordinal": [row.ordinal for row in rows],
            "presentation_index": [row.presentation_index for row in rows],
            "image_index": [row.image_index for row in rows],
            "stimulus_id": [row.stimulus_id for row in rows],
            "repetition": [row.repetition for row in rows],
            "onset_s": self.time_s,
            "onset_source": self._sources(),
            "used": self.used,
            "reason": list(self.reason),
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the datasets of onsets.h5."""
        devices = self.devices
        return {
            "processor": np.array([device.processor for device in devices]),
            "tick_hz": np.array([device.tick_hz for device in devices]),
            "epoch": np.array([device.clock_segment for device in devices]),
            "tick": np.array([device.tick for device in devices]),
            "time_s": np.array([device.time_s for device in devices]),
        }

    def _joint_reason(self, reasons: Sequence[str]) -> str:
        if len(set(reasons)) == 1:
            return reasons[0]
        named = zip(self.devices, reasons, strict=True)
        return "; ".join(f"{device.name}: {reason}" for device, reason in named if reason)

    def _sources(self) -> list[str]:
        """Return what timed each presentation on the first device that has it."""
        sources = np.array([device.source for device in self.devices])
        first = np.argmax([device.usable for device in self.devices], axis=0)
        return [str(source) for source in sources[first, np.arange(sources.shape[1])]]


def onsets_of(
    journal: Journal, alignments: Mapping[str, Alignment], devices: Sequence[Device], *, window_stop_ms: float
) -> Onsets:
    """Take the presentations out of the aligned codes and set aside what cannot be used.

    Parameters
    ----------
    journal
        What was shown.
    alignments
        Of each device, by name.
    devices
        What was recorded.
    window_stop_ms
        End of the window in which spikes are counted: so far at least every sample is needed.
    """
    shown = sent_codes(journal).is_lit
    needed_ms = (NEEDED_MS[0], max(NEEDED_MS[1], window_stop_ms))
    return Onsets(
        journal.presentations,
        tuple(_on_device(device, alignments[device.name], shown, needed_ms=needed_ms) for device in devices),
    )


def _on_device(
    device: Device, alignment: Alignment, shown: NDArray[np.bool_], *, needed_ms: tuple[float, float]
) -> DeviceOnsets:
    clock_segment = alignment.clock_segment[shown]
    tick, recorded_reason = usable(
        clock_segment, alignment.onset_tick[shown], device.segments, tick_hz=device.tick_hz, needed_ms=needed_ms
    )
    unplaced = [reason for reason, lit in zip(alignment.reason, shown, strict=True) if lit]
    return DeviceOnsets(
        name=device.name,
        processor=device.processor,
        tick_hz=float(device.tick_hz),
        clock_segment=clock_segment,
        tick=tick,
        time_s=device.seconds(clock_segment, tick),
        source=alignment.source[shown],
        reason=tuple(first or second for first, second in zip(unplaced, recorded_reason, strict=True)),
    )


def _count_reasons(reasons: Sequence[str], chosen: NDArray[np.bool_]) -> dict[str, int]:
    return dict(sorted(Counter(reason for reason, own in zip(reasons, chosen, strict=True) if own).items()))
