"""What the sites answered to each image of a day that another program ran, counted as a day of the study's own is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.reliability import split_half_reliability
from closedloop.artifacts.imported.documents import ONSETS, SET_ASIDE
from closedloop.artifacts.imported.laboratory import LaboratoryResponses
from closedloop.artifacts.protocol.images import Sites
from closedloop.artifacts.protocol.session import Recording
from closedloop.artifacts.recorder import RecorderDescription
from closedloop.detection.definitions import definition_by_name, with_settings
from closedloop.devices.device import Device
from closedloop.devices.files import is_recording
from closedloop.errors import AlignmentError, RecordingError
from closedloop.execution.progress import ProgressCallback
from closedloop.plain_text.presentation_tables import PresentationTable
from closedloop.recording.usability import NEEDED_MS
from closedloop.simulation.mark import SIMULATED_APPLICATION
from closedloop.stages.ingest.coverage import coverage_of
from closedloop.stages.ingest.detection import detect_on
from closedloop.stages.ingest.dropouts import without_dropouts
from closedloop.stages.ingest.onsets import DeviceOnsets, device_onsets
from closedloop.stages.ingest.recording import DayDevice, DayRecording, count_device, day_recording, read_files
from closedloop.stages.ingest.sites import named_electrodes, read_array_maps
from closedloop.stages.recorded_elsewhere.placing import DayPlacement, PlacedImages, place_images
from closedloop.storage import sha256_file

Floats = NDArray[np.float64]

_LEAST_SEEN = 0.5  # of the onsets, where the recording has a photodiode; of codes as many have to be found


@dataclass(frozen=True)
class ElsewhereDay:
    """Where a day of another program lies.

    Attributes
    ----------
    file
        The program's table of what it showed.
    folder
        The recorder's files, and array maps.
    arrays
        A pattern of file names for each processor; empty where the names tell.
    recorder
        Of another maker than Blackrock; None: Blackrock's.
    frame_ms
        Of the program's display; None where nobody says.
    scratch
        Folder for crossings that are found in voltage: the same command again finds there what was done.
    """

    file: Path
    folder: Path
    scratch: Path
    arrays: tuple[str, ...] = ()
    recorder: RecorderDescription | None = None
    frame_ms: float | None = None


def count_responses(
    day: ElsewhereDay, table: PresentationTable, *, wanted: Recording, progress: ProgressCallback
) -> LaboratoryResponses:
    """Count the spikes of every electrode at every image that was accepted.

    Parameters
    ----------
    day, table
        The day, and what was shown.
    wanted
        The protocol's window, definition and limits.
    progress
        Called with (done, total) pieces of voltage.

    Raises
    ------
    RecordingError
        The recording cannot be read, or has nothing to count.
    AlignmentError
        It is not of this table, or too much of it cannot be used.
    """
    devices = _read(day, wanted)
    detected = {device.processor: () for device in devices} | (
        detect_on(
            devices,
            with_settings(definition_by_name(wanted.detection), notch=wanted.notch),
            folder=day.scratch,
            workers=None,
            progress=progress,
        )
        if wanted.spikes_from == "raw"
        else {}
    )
    recording = day_recording(day.folder, devices, detected, spikes_from=wanted.spikes_from, detection=wanted.detection)
    maps = read_array_maps(day.folder, arrays=day.arrays)
    electrodes = named_electrodes(recording, maps, None)
    placement = place_images(table, devices, file=day.file, frame_ms=day.frame_ms)
    accepted = np.array([one.accepted for one in table.shown])
    found = [_counted(own, placement.of_device[own.device.name], accepted, wanted) for own in recording.devices]
    counts = np.concatenate([one for one, _ in found], axis=1)
    answers = [onsets for _, onsets in found if onsets.answers]
    reasons = _reasons(answers, accepted)
    _refuse_too_few(day, reasons, accepted, allowed=wanted.max_missing_fraction)
    used = accepted & np.any([one.usable for one in answers], axis=0)
    if table.timed_by != "code and time_s":  # both clocks are aligned by more than the light
        _refuse_unlit(day, devices, placement, used)
    images = tuple(dict.fromkeys(one.image for one, own in zip(table.shown, used, strict=True) if own))
    at = {name: number for number, name in enumerate(images)}
    index = np.array([at[one.image] for one, own in zip(table.shown, used, strict=True) if own], np.int64)
    return LaboratoryResponses(
        rates=counts[used] / (wanted.window_stop_ms - wanted.window_start_ms) * 1000,
        image_index=index,
        images=images,
        sites=tuple(one.neuroid_id for one in electrodes),
        pixels=None,
        format="recording",
        mapping=_mapping(day, table, recording, placement, reasons=reasons, accepted=accepted, wanted=wanted),
        simulated=any((part.made_by or "").startswith(SIMULATED_APPLICATION) for one in devices for part in one.parts),
    )


def most_reliable(found: LaboratoryResponses, rules: Sites, *, file: Path) -> tuple[str, ...]:
    """Return the sites that a model would have after a day of the study's own: the most reliable, as many as it has.

    Parameters
    ----------
    found
        Of all electrodes.
    rules
        The protocol's.
    file
        The table's, for messages.

    Raises
    ------
    RecordingError
        Too few are reliable enough, or nobody knows.
    """
    if len(found.image_index) == len(found.images):
        raise RecordingError(
            f"{file}: expected images that came twice, by which reliable sites are known, found each once. Name the "
            "sites by --sites."
        )
    reliability = split_half_reliability(found.rates, found.image_index, seed=0)
    known = np.nan_to_num(reliability, nan=-1.0)
    order = [int(at) for at in np.argsort(-known, kind="stable") if reliability[at] >= rules.min_reliability]
    if len(order) < rules.n_sites:
        raise RecordingError(
            f"{file}: expected {rules.n_sites} sites of a reliability of {rules.min_reliability:g} and more, as the "
            f"protocol has, found {len(order)} (best {known.max(initial=-1.0):.2f}). Name sites by --sites, or make "
            "the study with fewer sites or another sites.min_reliability."
        )
    return tuple(found.sites[at] for at in order[: rules.n_sites])


def _read(day: ElsewhereDay, wanted: Recording) -> tuple[Device, ...]:
    if not day.folder.is_dir():
        raise RecordingError(
            f"{day.folder}: expected the folder of the recording, found none. Give the folder that the recorder's "
            "files lie in."
        )
    return read_files(
        day.folder,
        arrays=day.arrays,
        photodiode=wanted.photodiode,
        bridge_ms=wanted.bridge_ms,
        count_noise_unit=wanted.count_noise_unit,
        recorder=day.recorder,
    )


def _counted(
    own: DayDevice, placed: PlacedImages, accepted: NDArray[np.bool_], wanted: Recording
) -> tuple[Floats, DeviceOnsets]:
    """Count a device's spikes; NaN where an electrode was not recorded, never 0."""
    found = count_device(
        own,
        clock_segment=placed.clock_segment,
        onset_tick=np.where(accepted, placed.tick, np.nan),
        window_ms=(wanted.window_start_ms, wanted.window_stop_ms),
    )
    coverage = without_dropouts(coverage_of(own, found.activity), own)
    onsets = device_onsets(
        own.device,
        clock_segment=placed.clock_segment,
        onset_tick=placed.tick,
        source=placed.source,
        unplaced=placed.reason,
        groups=coverage.groups,
        needed_ms=(min(NEEDED_MS[0], wanted.window_start_ms), max(NEEDED_MS[1], wanted.window_stop_ms)),
    )
    return np.where(accepted[:, None] & onsets.recorded_on(own.electrode_ids), found.counts, np.nan), onsets


def _reasons(answers: Sequence[DeviceOnsets], accepted: NDArray[np.bool_]) -> dict[str, int]:
    """Count the accepted presentations that no device can answer for, by what the first of them says."""
    usable = np.any([one.usable for one in answers], axis=0)
    return dict(
        sorted(Counter(answers[0].reason[at] or "not recorded" for at in np.flatnonzero(accepted & ~usable)).items())
    )


def _refuse_too_few(
    day: ElsewhereDay, reasons: Mapping[str, int], accepted: NDArray[np.bool_], *, allowed: float
) -> None:
    n_accepted, n_missing = int(accepted.sum()), sum(reasons.values())
    if not n_accepted or n_missing > allowed * n_accepted:
        said = ", ".join(f"{n} {reason}" for reason, n in reasons.items()) or "no line is accepted"
        raise AlignmentError(
            f"{day.file}: expected at most {allowed:.0%} of {n_accepted} accepted presentations without a recording "
            f"around them, found {n_missing} ({said}). Check that the table and {day.folder} are of one day, "
            "and onset_s in seconds of the recorder's clock; recording.max_missing_fraction sets the limit."
        )


def _refuse_unlit(
    day: ElsewhereDay, devices: Sequence[Device], placement: DayPlacement, used: NDArray[np.bool_]
) -> None:
    """Refuse onsets that a photodiode did not see though it saw others: they are another day's, or not the screen's."""
    for device in devices:
        if device.edges is None or not len(device.edges.tick):
            continue
        seen = placement.of_device[device.name].source[used] == "photodiode"
        if seen.mean() < _LEAST_SEEN:
            raise AlignmentError(
                f"{day.file}: expected onsets that the photodiode of {device.name} saw, found "
                f"{np.count_nonzero(seen)} of {len(seen)}, with {len(device.edges.tick):,} edges in the recording. "
                "Check that the table is of this day, its times in seconds of the recorder's clock, at most 50 ms "
                "before the light; or make the study without recording.photodiode, if it saw something else."
            )


def _mapping(
    day: ElsewhereDay,
    table: PresentationTable,
    recording: DayRecording,
    placement: DayPlacement,
    *,
    reasons: Mapping[str, int],
    accepted: NDArray[np.bool_],
    wanted: Recording,
) -> dict[str, str]:
    """Say what gave what, and what was left out."""
    aside = {
        "not accepted": int((~accepted).sum()),
        "the same line twice": table.n_repeated,
        **reasons,
    }
    files = sorted(path for path in day.folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    if day.recorder is None:
        files = [path for path in files if is_recording(path)]
    return {
        "images": f"named in {day.file.name}",
        ONSETS: f"by {table.timed_by} of {day.file.name}; " + "; ".join(placement.said),
        "responses": f"spikes per second from {wanted.window_start_ms:g} to {wanted.window_stop_ms:g} ms after onset, "
        f"{recording.definition}",
        **{f"recording {path.relative_to(day.folder).as_posix()}": sha256_file(path) for path in files},
        **({"columns passed over": ", ".join(table.passed_over)} if table.passed_over else {}),
        SET_ASIDE: ", ".join(f"{n} {reason}" for reason, n in aside.items() if n) or "no presentation",
    }
