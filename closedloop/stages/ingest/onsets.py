"""The journal's side of ingest: what was sent, what was accepted, when it came on by each device's clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.alignment.alignment import Alignment
from closedloop.artifacts.day.journal import Journal
from closedloop.artifacts.day.journal_rows import Presentation
from closedloop.artifacts.day.presented.codes import codes_sent
from closedloop.devices.device import Device
from closedloop.recording.codes import SentCodes
from closedloop.recording.usability import NEEDED_MS
from closedloop.stages.ingest.coverage import Coverage, DeviceCoverage, recorded_on


def sent_codes(journal: Journal) -> SentCodes:
    """List every digital code the rig sent, or may have sent before it was killed, in order.

    A presentation that was cut so is none of the lit ones: nothing is known of its image but that its code may be in
    the recording. What was sent while nothing is known to have been recorded may not be in it.
    """
    sent = codes_sent(journal.rows)
    return SentCodes(
        np.array([one.code for one in sent], dtype=np.int64),
        np.array([one.time_s for one in sent]),
        np.array([one.launch for one in sent], dtype=np.int64),
        np.array([one.shown is not None for one in sent], dtype=bool),
        np.array([not one.is_certain for one in sent], dtype=bool),
    )


@dataclass(frozen=True)
class DeviceOnsets:
    """All presentations of the journal on one device, (n_presentations,) each.

    `tick`, in `clock_segment`, is the onset on the screen; NaN where it is unknown or something around it was not
    recorded on any electrode, with the reason. `time_s` puts all clock segments on one axis. Where some electrodes were
    recorded and others not, the reason says how many, and `recorded` which: a row for each of the groups, whose
    electrodes `groups` has. A device without electrodes, which gives digital codes or light to others, answers for
    nothing.
    """

    name: str
    processor: int
    tick_hz: float
    clock_segment: NDArray[np.int64]
    tick: NDArray[np.float64]
    time_s: NDArray[np.float64]
    source: NDArray[np.str_]
    reason: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...] = ()
    recorded: NDArray[np.bool_] | None = None
    answers: bool = True

    @property
    def usable(self) -> NDArray[np.bool_]:
        """What this device can answer for."""
        return np.isfinite(self.tick) & self.answers

    def recorded_on(self, electrode_ids: Sequence[int]) -> NDArray[np.bool_]:
        """Return which presentations were recorded on which electrodes, (n_presentations, n_electrodes)."""
        found = np.repeat(self.usable[:, None], len(electrode_ids), axis=1)
        if self.recorded is not None:
            group_of = {electrode: place for place, own in enumerate(self.groups) for electrode in own}
            found &= self.recorded[[group_of[electrode] for electrode in electrode_ids]].T
        return found


@dataclass(frozen=True)
class Onsets:
    """All presentations of the journal, and when each came on every device."""

    presentations: tuple[Presentation, ...]
    devices: tuple[DeviceOnsets, ...]

    @property
    def answering(self) -> tuple[DeviceOnsets, ...]:
        """The devices that have electrodes; all of them where none has."""
        return tuple(device for device in self.devices if device.answers) or self.devices

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
        by_device = zip(*(device.reason for device in self.answering), strict=True)
        return tuple(
            f"rejected by the rig: {row.reason}" if row.outcome == "rejected" else self._joint_reason(reasons)
            for row, reasons in zip(self.presentations, by_device, strict=True)
        )

    def set_aside(self) -> dict[str, int]:
        """Count the accepted presentations that are not used, by reason."""
        return _count_reasons(self.reason, self.accepted & ~self.used)

    def set_aside_on(self, device: DeviceOnsets) -> dict[str, int]:
        """Count the accepted presentations that a device cannot answer for, by reason."""
        return _count_reasons(device.reason, self.accepted & ~device.usable) if device.answers else {}

    def partly_on(self, device: DeviceOnsets) -> dict[str, int]:
        """Count the accepted presentations that a device can answer for on some electrodes only, by reason."""
        return _count_reasons(device.reason, self.accepted & device.usable & np.array([r != "" for r in device.reason]))

    def counted_on(self, device: DeviceOnsets, electrode_ids: Sequence[int]) -> NDArray[np.bool_]:
        """Return which presentations count on which of a device's electrodes, (n_presentations, n_electrodes)."""
        return self.accepted[:, None] & device.recorded_on(electrode_ids)

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
        named = zip(self.answering, reasons, strict=True)
        return "; ".join(f"{device.name}: {reason}" for device, reason in named if reason)

    def _sources(self) -> list[str]:
        """Return what timed each presentation on the first device that has it."""
        sources = np.array([device.source for device in self.devices])
        first = np.argmax([device.usable for device in self.devices], axis=0)
        return [str(source) for source in sources[first, np.arange(sources.shape[1])]]


def onsets_of(
    journal: Journal,
    alignments: Mapping[str, Alignment],
    devices: Sequence[Device],
    *,
    window_stop_ms: float,
    coverage: Mapping[str, DeviceCoverage] | None = None,
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
    coverage
        When each device's electrodes were recorded, by its name; None: whenever the device was.
    """
    shown = sent_codes(journal).is_lit
    needed_ms = (NEEDED_MS[0], max(NEEDED_MS[1], window_stop_ms))
    return Onsets(
        journal.presentations,
        tuple(
            _on_device(
                device,
                alignments[device.name],
                shown,
                groups=(Coverage((), device.segments, ""),) if coverage is None else coverage[device.name].groups,
                needed_ms=needed_ms,
            )
            for device in devices
        ),
    )


def _on_device(
    device: Device,
    alignment: Alignment,
    shown: NDArray[np.bool_],
    *,
    groups: Sequence[Coverage],
    needed_ms: tuple[float, float],
) -> DeviceOnsets:
    return device_onsets(
        device,
        clock_segment=alignment.clock_segment[shown],
        onset_tick=alignment.onset_tick[shown],
        source=alignment.source[shown],
        unplaced=[reason for reason, lit in zip(alignment.reason, shown, strict=True) if lit],
        groups=groups,
        needed_ms=needed_ms,
    )


def device_onsets(
    device: Device,
    *,
    clock_segment: NDArray[np.int64],
    onset_tick: NDArray[np.float64],
    source: NDArray[np.str_],
    unplaced: Sequence[str],
    groups: Sequence[Coverage],
    needed_ms: tuple[float, float],
) -> DeviceOnsets:
    """Set aside the presentations around which something was not recorded.

    Parameters
    ----------
    device
        On which they came.
    clock_segment, onset_tick, source
        When, and what says so, (n_presentations,); NaN where that is unknown.
    unplaced
        Why it is, one a presentation; empty where it is known.
    groups
        When the device's electrodes were recorded.
    needed_ms
        From when to when around an onset.
    """
    found = [
        recorded_on(group, device, clock_segment=clock_segment, onset_tick=onset_tick, needed_ms=needed_ms)
        for group in groups or (Coverage((), device.segments, ""),)
    ]
    recorded = np.isfinite([tick for tick, _ in found])
    tick = np.where(recorded.any(axis=0), onset_tick, np.nan)
    joint = _by_group(groups, [reasons for _, reasons in found])
    return DeviceOnsets(
        name=device.name,
        processor=device.processor,
        tick_hz=float(device.tick_hz),
        clock_segment=clock_segment,
        tick=tick,
        time_s=device.seconds(clock_segment, tick),
        source=source,
        reason=tuple(first or second for first, second in zip(unplaced, joint, strict=True)),
        groups=tuple(group.electrode_ids for group in groups),
        recorded=recorded if any(group.electrode_ids for group in groups) else None,
        answers=bool(groups),
    )


def _by_group(groups: Sequence[Coverage], reasons: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return why presentations cannot be used on a device; where they can on some electrodes, on how many not.

    Electrodes that were not recorded at all are spoken of once, not at every presentation.
    """
    largest, *others = [own for group, own in zip(groups, reasons, strict=False) if group.segments] or reasons[:1]
    if not others:
        return largest
    sizes = [len(group.electrode_ids) for group in groups if group.segments]
    return tuple(_joined(sizes, row) for row in zip(largest, *others, strict=True))


def _joined(sizes: Sequence[int], reasons: Sequence[str]) -> str:
    if all(reasons):
        return reasons[0]
    n_missing: Counter[str] = Counter()
    for size, reason in zip(sizes, reasons, strict=True):
        n_missing[reason] += size
    return "; ".join(f"{n} of {sum(sizes)} electrodes: {reason}" for reason, n in n_missing.items() if reason)


def _count_reasons(reasons: Sequence[str], chosen: NDArray[np.bool_]) -> dict[str, int]:
    return dict(sorted(Counter(reason for reason, own in zip(reasons, chosen, strict=True) if own).items()))
