"""Ingest: from journal and recording to spike counts of every presentation, each used or set aside with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.alignment.alignment import Alignment, align_devices
from closedloop.alignment.run_search import AlignmentRules
from closedloop.artifacts.arrays import write_arrays
from closedloop.artifacts.day.journal import Journal, read_journal
from closedloop.artifacts.day.responses import ONSETS, RESPONSE_COUNTS, RESPONSES, SPIKES, SiteTable
from closedloop.artifacts.day.session import SessionDocument
from closedloop.artifacts.day_files import read_stimulus_set, spikes_name
from closedloop.artifacts.tables import write_table
from closedloop.errors import AlignmentError
from closedloop.recording.counts import spike_counter
from closedloop.recording.spikes import concatenate_spikes, in_order
from closedloop.stages.context import StageContext
from closedloop.stages.ingest.onsets import DeviceOnsets, Onsets, onsets_of, sent_codes
from closedloop.stages.ingest.quality import quality_of
from closedloop.stages.ingest.recording import DayDevice, DayRecording, read_day_recording
from closedloop.stages.ingest.sites import site_table


def run(context: StageContext) -> None:
    """Write responses.parquet, responses.h5, onsets.h5, spikes.h5 (and spikes-2.h5), sites.json and quality.json."""
    session = SessionDocument.read(context.published("schedule") / "session.json")
    journal = read_journal(context.published("present") / "journal.jsonl")
    recording = read_day_recording(context.published("recording"), context, session)
    alignments = _align(journal, recording)
    onsets = onsets_of(
        journal,
        alignments,
        [own.device for own in recording.devices],
        window_stop_ms=context.protocol.recording.window_stop_ms,
    )
    _check_missing(context, onsets, recording.folder)
    counted = [_count(context, onsets, own, at) for own, at in zip(recording.devices, onsets.devices, strict=True)]
    counts = np.concatenate([counts for counts, _ in counted], axis=1)
    stimuli = read_stimulus_set(context.paths, context.day)
    sites = site_table(context, stimuli, onsets, counts, recording)
    simulated = context.simulated
    write_table(context.working / "responses.parquet", RESPONSES, onsets.table(), simulated=simulated)
    arrays: dict[str, NDArray[Any]] = {"counts": counts, "electrode_id": np.array(recording.electrode_ids)}
    write_arrays(context.working / "responses.h5", RESPONSE_COUNTS, arrays, simulated=simulated)
    write_arrays(context.working / "onsets.h5", ONSETS, onsets.arrays(), simulated=simulated)
    for own in recording.devices:
        path = context.working / spikes_name(own.device.processor)
        _write_spikes(path, own, sites, definition=recording.definition, simulated=simulated)
    sites.write(context.working / "sites.json")
    quality_of(
        context,
        journal=journal,
        recording=recording,
        alignments=alignments,
        onsets=onsets,
        n_spikes=tuple(n for _, n in counted),
        stimuli=stimuli,
        sites=sites,
    ).write(context.working / "quality.json")


def _align(journal: Journal, recording: DayRecording) -> dict[str, Alignment]:
    """Align every device with the journal; the light that one saw times the others too."""
    devices = [own.device for own in recording.devices]
    return align_devices(
        sent_codes(journal),
        {device.name: device.codes for device in devices},
        edges={device.name: device.edges for device in devices if device.edges is not None},
        segments={device.name: device.segments for device in devices},
        rules=AlignmentRules(frame_ms=1000 / journal.segments[0].refresh_hz),
    )


def _check_missing(context: StageContext, onsets: Onsets, folder: Path) -> None:
    n_accepted = int(onsets.accepted.sum())
    n_missing = n_accepted - int(onsets.used.sum())
    allowed = context.protocol.recording.max_missing_fraction
    if n_missing > allowed * n_accepted:
        reasons = ", ".join(f"{n} {reason}" for reason, n in onsets.set_aside().items())
        raise AlignmentError(
            f"{folder}: expected at most {allowed:.0%} of {n_accepted} presentations unusable, "
            f"found {n_missing} ({reasons}). Check the recording; recording.max_missing_fraction sets the limit."
        )


def _count(context: StageContext, onsets: Onsets, own: DayDevice, at: DeviceOnsets) -> tuple[NDArray[np.float64], int]:
    """Count a device's spikes, part by part; NaN where this device cannot answer, and how many spikes there were."""
    window = context.protocol.recording
    counter = spike_counter(
        at.epoch,
        onsets.counted_on(at),
        electrodes=own.electrode_ids,
        tick_hz=at.tick_hz,
        edges_ms=(window.window_start_ms, window.window_stop_ms),
    )
    n_spikes = 0
    for part in own.spikes():
        counter.add(part)
        n_spikes += len(part)
    return counter.counts()[:, :, 0], n_spikes


def _write_spikes(path: Path, own: DayDevice, sites: SiteTable, *, definition: str, simulated: bool) -> None:
    """Keep the chosen sites' spikes of a device: rasters are drawn from them."""
    chosen = [site.electrode_id for site in sites.chosen() if site.processor == own.device.processor]
    kept = in_order(concatenate_spikes([part.on_any(chosen) for part in own.spikes()]))
    arrays: dict[str, NDArray[Any]] = {
        "electrode_id": kept.electrode_id,
        "epoch": kept.epoch,
        "tick": kept.tick,
        "time_s": own.device.seconds(kept.epoch, kept.tick.astype(np.float64)),
    }
    write_arrays(path, SPIKES, arrays, simulated=simulated, attributes={"definition": definition})
