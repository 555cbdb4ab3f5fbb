"""The recording's side of ingest: a day's Blackrock files as devices, with the spikes that are counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.day.quality import RawAgreement
from closedloop.artifacts.recorder import RecorderDescription
from closedloop.artifacts.records.sequence import FIRST, block_of_folder, block_option
from closedloop.detection.agreement import agreement
from closedloop.detection.dropouts import BankDropout
from closedloop.devices.device import Device, Electrode, read_devices
from closedloop.devices.port import DevicePart
from closedloop.devices.shared_codes import share_codes
from closedloop.errors import RecordingError, StudyError
from closedloop.plain_text.printed import quoted
from closedloop.recording.activity import SpikeActivity
from closedloop.recording.banks import BankActivity
from closedloop.recording.counts import spike_counter
from closedloop.recording.spikes import Spikes, concatenate_spikes, in_order
from closedloop.simulation.mark import SIMULATED_APPLICATION
from closedloop.stages.ingest.detection import DetectedFile
from closedloop.stages.ingest.named_session import another_session

_TOLERANCE_MS = 0.5
_MOST_COMPARED = 32


@dataclass(frozen=True)
class DayDevice:
    """A processor's recording, and what is counted of it.

    Attributes
    ----------
    electrodes
        Contacts that were looked at: those of the .nev, or those with raw voltage.
    detected
        Threshold crossings found offline, by file; empty without raw voltage.
    from_raw
        Whether these are counted, not the recorder's own.
    """

    device: Device
    electrodes: tuple[Electrode, ...]
    detected: tuple[DetectedFile, ...]
    from_raw: bool

    @property
    def electrode_ids(self) -> tuple[int, ...]:
        """The recorder's numbers of the contacts."""
        return tuple(electrode.electrode_id for electrode in self.electrodes)

    @property
    def detected_on(self) -> tuple[int, ...]:
        """Contacts with raw voltage."""
        return tuple(sorted({electrode for one in self.detected for electrode in one.electrode_ids}))

    def detected_spikes(self) -> Iterator[Spikes]:
        """Read what was found offline, in parts; those of one file follow one another."""
        for one in self.detected:
            yield from one.spikes()

    def dropouts(self) -> tuple[BankDropout, ...]:
        """Return when nothing was measured on which bank, as the voltage shows it, in order of bank and time."""
        found = [dropout for one in self.detected for dropout in one.dropouts()]
        return tuple(sorted(found, key=lambda one: (one.bank, one.clock_segment, one.first_tick)))

    def spikes(self) -> Iterator[Spikes]:
        """Read the spikes that are counted, in parts, in bounded memory."""
        return self.detected_spikes() if self.from_raw else self.device.spikes()


@dataclass(frozen=True)
class DayRecording:
    """A day's devices, by processor, and which definition of a spike the counts follow."""

    folder: Path
    devices: tuple[DayDevice, ...]
    definition: str

    @property
    def electrode_ids(self) -> tuple[int, ...]:
        """Numbers of all contacts, device by device: the columns of the counts."""
        return tuple(electrode for own in self.devices for electrode in own.electrode_ids)


def read_day_devices(
    folder: Path,
    *,
    arrays: Sequence[str] = (),
    photodiode: str | None,
    bridge_ms: float,
    count_noise_unit: bool,
    session_id: str,
    simulated: bool,
    numbered: int | None = None,
    recorder: RecorderDescription | None = None,
) -> tuple[Device, ...]:
    """Read a day's files, processor by processor.

    Parameters
    ----------
    folder
        Where the recorder's files lie, and nothing else but array maps.
    arrays
        A pattern of file names for each processor; empty where the names tell.
    photodiode
        The channel of the photodiode: the beginning of its label, or its number; None where nobody asks for its edges.
    bridge_ms
        Holes in the samples of at most so many milliseconds end no segment.
    count_noise_unit
        Whether the recorder's spikes count that its sorting took for noise.
    session_id
        Of the session that was to be recorded.
    simulated
        Whether the study is.
    numbered
        The number of an only processor, if not that of its name (`sites.number_on_day_0`).
    recorder
        The study's, where it is not Blackrock's: it says which channel is the photodiode's, and what counts as a spike.

    Raises
    ------
    RecordingError
        A file is missing, cannot be read, or is of another session.
    StudyError
        Simulated and real data would be mixed.
    """
    devices = read_files(
        folder,
        arrays=arrays,
        photodiode=photodiode,
        bridge_ms=bridge_ms,
        count_noise_unit=count_noise_unit,
        recorder=recorder,
    )
    if numbered is not None and len(devices) == 1:
        devices = (replace(devices[0], processor=numbered),)
    for device in devices:
        for part in device.parts:
            _check_mark(part, simulated=simulated)
        _check_session(device, folder, session_id)
    return devices


def read_files(
    folder: Path,
    *,
    arrays: Sequence[str] = (),
    photodiode: str | None,
    bridge_ms: float,
    count_noise_unit: bool,
    recorder: RecorderDescription | None = None,
) -> tuple[Device, ...]:
    """Read a folder's files, processor by processor, whatever session they are of.

    Parameters
    ----------
    folder, arrays, photodiode, bridge_ms, count_noise_unit, recorder
        As in `read_day_devices`.

    Raises
    ------
    RecordingError
        A file cannot be read.
    """
    if recorder is not None and recorder.maker == "neo":
        from closedloop.devices.neo_device import read_neo_devices  # noqa: PLC0415 - no Blackrock day waits for neo
        from closedloop.stages.ingest.wiring import wirings_of  # noqa: PLC0415

        return read_neo_devices(folder, wirings_of(recorder))
    files = sorted(folder.iterdir())
    return share_codes(
        read_devices(files, arrays=arrays, photodiode=photodiode, bridge_ms=bridge_ms, noise=count_noise_unit)
    )


def day_recording(
    folder: Path,
    devices: Sequence[Device],
    detected: Mapping[int, tuple[DetectedFile, ...]],
    *,
    spikes_from: Literal["nev", "raw"],
    detection: str,
) -> DayRecording:
    """Decide which spikes and which contacts of a day's devices are counted.

    Parameters
    ----------
    folder
        Of the recording, for messages and array maps.
    devices
        What was recorded.
    detected
        What was found offline, by processor.
    spikes_from
        The recorder's threshold crossings, or those found offline in raw voltage.
    detection
        Name of the definition by which these were found.

    Raises
    ------
    RecordingError
        Raw voltage is wanted and there is none, or no electrode was recorded.
    """
    own = tuple(_day_device(device, detected[device.processor], spikes_from) for device in devices)
    if spikes_from == "raw" and not any(one.from_raw for one in own):
        raise RecordingError(
            f"{folder}: expected raw voltage in an .ns5 or .ns6 file, found none. Record it, or count from the NEV."
        )
    counting = [one for one in own if one.electrodes]
    if not counting:
        raise RecordingError(
            f"{folder}: expected electrodes, found none in any file. Put the recordings of the arrays there."
        )
    return DayRecording(folder, own, _definition(counting, detection))


def _definition(counting: Sequence[DayDevice], detection: str) -> str:
    by_device = {
        one.device.name: f"raw voltage by {detection}" if one.from_raw else one.device.parts[0].spikes_are
        for one in counting
    }
    if len(set(by_device.values())) == 1:
        return next(iter(by_device.values()))
    return "; ".join(f"{name}: {definition}" for name, definition in by_device.items())


def _day_device(device: Device, detected: tuple[DetectedFile, ...], spikes_from: Literal["nev", "raw"]) -> DayDevice:
    from_raw = spikes_from == "raw" and bool(detected)
    on = {electrode for file in detected for electrode in file.electrode_ids}
    looked_at = on if from_raw else {one for part in device.parts for one in part.spike_electrodes}
    electrodes = tuple(electrode for electrode in device.electrodes if electrode.electrode_id in looked_at)
    return DayDevice(device, electrodes, detected, from_raw)


def _check_mark(part: DevicePart, *, simulated: bool) -> None:
    if part.lacks:
        raise RecordingError(part.lacks)
    if part.made_by is None:  # neo says of no file what wrote it: the day is what the study is
        return
    is_simulated = part.made_by.startswith(SIMULATED_APPLICATION)
    if is_simulated != simulated:
        found, expected = ("simulated", "recorded") if is_simulated else ("recorded", "simulated")
        raise StudyError(
            f"{part.place}: expected a {expected} file, found a {found} one. The two never mix: "
            "move it out of the study."
        )


def _check_session(device: Device, folder: Path, session_id: str) -> None:
    """Refuse a recording whose comment names another session; one without such a comment is judged by its codes."""
    other = another_session(device.comments, session_id)
    if other:
        study, block = folder.parents[1], block_of_folder(folder.parent.name) or FIRST
        options = f"--day {block.day}{block_option(block)}"
        raise RecordingError(
            f"{folder / device.name}: expected session {session_id}, found a comment of session {other}. The folder is "
            f"sealed, do not copy over it; run `closedloop replace-recording {quoted(study)} {options} --from "
            "FOLDER --why TEXT` with the folder of this day's recording."
        )


@dataclass(frozen=True)
class DeviceCounts:
    """A device's spikes at every presentation with an onset, recorded or not, and when there were any.

    Attributes
    ----------
    counts
        (n_presentations, n_electrodes); a row of NaN where there is no onset.
    n_spikes
        Of the whole recording.
    activity
        When the recorder found spikes; empty where they were found offline.
    """

    counts: NDArray[np.float64]
    n_spikes: int
    activity: BankActivity


def count_device(
    own: DayDevice,
    *,
    clock_segment: NDArray[np.integer],
    onset_tick: NDArray[np.float64],
    window_ms: tuple[float, float],
) -> DeviceCounts:
    """Count a device's spikes in one pass, part by part; whether they were recorded is known when all were seen.

    Parameters
    ----------
    own
        The device.
    clock_segment, onset_tick
        Of each presentation, (n_presentations,); NaN where it has no onset or does not count.
    window_ms
        After the onset, half-open.
    """
    counter = spike_counter(
        clock_segment, onset_tick, electrodes=own.electrode_ids, tick_hz=own.device.tick_hz, edges_ms=window_ms
    )
    activity, n_spikes = BankActivity.of(own.device.tick_hz, own.electrode_ids), 0
    for part in own.spikes():
        counter.add(part)
        n_spikes += len(part)
        if not own.from_raw:
            activity.add(part)
    return DeviceCounts(counter.counts()[:, :, 0], n_spikes, activity)


def raw_agreement(recording: DayRecording, definition: str) -> tuple[RawAgreement, ...]:
    """Compare offline detection with the recorder's threshold crossings, electrode by electrode.

    At most 32 electrodes of a device, evenly spread, are compared: their spikes are in memory at once.
    """
    return tuple(row for own in recording.devices for row in _agreements(own, definition))


def _agreements(own: DayDevice, definition: str) -> Iterator[RawAgreement]:
    device = own.device
    recorded_on = {electrode for part in device.parts for electrode in part.spike_electrodes}
    all_of_them = tuple(electrode for electrode in own.detected_on if electrode in recorded_on)
    electrodes = all_of_them[:: max(-(-len(all_of_them) // _MOST_COMPARED), 1)]
    if not electrodes:
        return
    recorded = concatenate_spikes([part.on_any(electrodes) for part in device.spikes()])
    detected = in_order(concatenate_spikes([part.on_any(electrodes) for part in own.detected_spikes()]))
    detected = _where_recorder_heard(device, recorded, detected)
    in_voltage = {electrode: one.segments for one in own.detected for electrode in one.electrode_ids}
    tolerance_ticks = round(_TOLERANCE_MS / 1000 * device.tick_hz)
    for electrode in electrodes:
        nev = _one_axis(device, recorded.on(electrode).within(in_voltage[electrode]))
        offline = _one_axis(device, detected.on(electrode))
        both = agreement(nev, offline, tolerance_ticks=tolerance_ticks)
        yield RawAgreement(
            electrode_id=electrode,
            processor=device.processor,
            definition=definition,
            n_offline=len(offline),
            n_nev=len(nev),
            recall=round(both.recall, 4) if both.n_reference else None,
            precision=round(both.precision, 4) if both.n_test else None,
            tolerance_ms=_TOLERANCE_MS,
        )


def _where_recorder_heard(device: Device, recorded: Spikes, detected: Spikes) -> Spikes:
    """Leave out what was detected where the recorder itself gave no spikes: its file ended, or has a gap."""
    activity = SpikeActivity(device.tick_hz)
    activity.add(recorded)
    gaps = device.spike_gaps()
    coverage = activity.coverage(device.segments, gaps)
    return detected.within(coverage.segments) if coverage.silences or gaps else detected


def _one_axis(device: Device, spikes: Spikes) -> NDArray[np.int64]:
    """Return the spikes of all clock segments in ticks of one axis, on which the clock segments follow end to end."""
    seconds = device.seconds(spikes.clock_segment, spikes.tick.astype(np.float64))
    return np.asarray(np.rint(seconds * device.tick_hz), np.int64)


def recording_lines(recording: DayRecording) -> dict[str, str]:
    """Return a line on each file: what it is."""
    return {
        name: line for own in recording.devices for part in own.device.parts for name, line in part.file_lines().items()
    }
