"""Ingest: from journal and recording to spike counts of every presentation, each used or set aside with a reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.alignment.alignment import Alignment, align_devices
from closedloop.alignment.run_search import AlignmentRules
from closedloop.artifacts import catalog
from closedloop.artifacts.arrays import Arrays, write_arrays
from closedloop.artifacts.day.doubts import doubts_and_who_took_them
from closedloop.artifacts.day.identity import IdentityTable
from closedloop.artifacts.day.journal import Journal
from closedloop.artifacts.day.journal_checks import check_journal, planned_session
from closedloop.artifacts.day.responses import SiteTable
from closedloop.artifacts.files.kinds import StudyFile
from closedloop.artifacts.imported.documents import ImportedResponses
from closedloop.artifacts.protocol.images import Sites
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.records.sequence import FIRST, Block
from closedloop.artifacts.tables import Columns
from closedloop.blackrock.arrays import MappedElectrode
from closedloop.detection.definitions import definition_by_name, with_settings
from closedloop.errors import AlignmentError
from closedloop.recording.spikes import concatenate_spikes, in_order
from closedloop.stages.context import StageContext
from closedloop.stages.imported.responses import sites_of_imported
from closedloop.stages.ingest.agreement import check_agreement
from closedloop.stages.ingest.coverage import coverage_of
from closedloop.stages.ingest.detection import detect_on
from closedloop.stages.ingest.dropouts import without_dropouts
from closedloop.stages.ingest.identity.table import answers, identity_table, images_of_every_day
from closedloop.stages.ingest.identity.waveforms import mean_waveforms, waveforms_by_name
from closedloop.stages.ingest.onsets import Onsets, onsets_of, sent_codes
from closedloop.stages.ingest.quality import quality_of
from closedloop.stages.ingest.recording import (
    DayDevice,
    DayRecording,
    DeviceCounts,
    count_device,
    day_recording,
    raw_agreement,
    read_day_devices,
)
from closedloop.stages.ingest.sites import (
    ElectrodeStatistics,
    choose_sites,
    describe_sites,
    electrode_statistics,
    named_electrodes,
    number_on_day_0,
    read_array_maps,
    refuse_a_day_without_differences,
    refuse_other_electrodes,
    sites_of_day_0,
)


def run(context: StageContext) -> None:
    """Write responses.parquet, responses.h5, onsets.h5, spikes.h5 (and spikes-2.h5), sites.json and quality.json.

    Where the recorder stored waveforms also waveforms.h5, and from day 1 on identity.json.
    """
    wanted = context.protocol.recording
    folder = context.published("recording")
    session = context.read(catalog.SESSION)
    journal = context.read(catalog.JOURNAL)
    plan = planned_session(session, context.read(catalog.PRESENTATIONS))
    check_journal(journal, context.path(catalog.JOURNAL), plan=plan)
    amendments = read_amendments(context.paths.amendments)
    stimuli = context.read(catalog.STIMULI)
    first = context.read_as_shown(catalog.SITES) if context.block == FIRST else context.at(FIRST).read(catalog.SITES)
    arrays = tuple(one.files for one in context.study.array_files)
    devices = read_day_devices(
        folder,
        arrays=arrays,
        photodiode=wanted.photodiode,
        bridge_ms=wanted.bridge_ms,
        count_noise_unit=wanted.count_noise_unit,
        session_id=session.session_id,
        simulated=context.simulated,
        numbered=number_on_day_0(first),
        recorder=context.study.recorder,
    )
    maps = read_array_maps(folder, arrays=arrays, numbered=number_on_day_0(first))

    definition = with_settings(definition_by_name(wanted.detection), notch=wanted.notch)
    detected = detect_on(
        devices,
        definition,
        folder=context.scratch / "detection",
        workers=context.workers,
        progress=context.progress,
    )
    recording = day_recording(folder, devices, detected, spikes_from=wanted.spikes_from, detection=definition.name)
    alignments = _align(journal, recording)
    window_ms = (wanted.window_start_ms, wanted.window_stop_ms)
    counted = [_count(own, alignments[own.device.name], journal, window_ms=window_ms) for own in recording.devices]
    coverage = {
        own.device.name: without_dropouts(coverage_of(own, found.activity), own)
        for own, found in zip(recording.devices, counted, strict=True)
    }
    onsets = onsets_of(journal, alignments, devices, window_stop_ms=wanted.window_stop_ms, coverage=coverage)
    check_missing(onsets, allowed=wanted.max_missing_fraction, folder=folder)
    counts = np.concatenate(
        [
            np.where(onsets.counted_on(at, own.electrode_ids), found.counts, np.nan)
            for own, at, found in zip(recording.devices, onsets.devices, counted, strict=True)
        ],
        axis=1,
    )
    electrodes = named_electrodes(recording, maps, first)
    refuse_other_electrodes(folder, electrodes, first)
    found = electrode_statistics(
        counts / (window_ms[1] - window_ms[0]) * 1000,
        onsets.image_index,
        stimuli,
        seed=context.seed("reliability"),
    )
    ended_early = "closed" in context.decided
    site_index, about_sites = _sites_of_the_model(
        electrodes,
        found,
        imported=context.read(catalog.IMPORTED_RESPONSES)
        if _begins_with_imported(context.block, context.has)
        else None,
        first=first,
        rules=context.protocol.sites,
        folder=folder,
        ended_early=ended_early,
    )
    if first is None and not ended_early:  # nothing of a day that was too short is fitted
        of_model = [electrode.neuroid_id in site_index for electrode in electrodes]
        refuse_a_day_without_differences(counts[:, of_model], onsets.image_index, stimuli, folder=folder)
    sites = SiteTable(
        simulated=context.simulated,
        day=context.day,
        sites=describe_sites(electrodes, found, site_index, first),
    )
    check_agreement(agreement := raw_agreement(recording, definition.name), devices, folder=folder)
    quality = quality_of(
        recording,
        journal=journal,
        despite={} if context.simulated else doubts_and_who_took_them(journal, amendments, block=context.block),
        alignments=alignments,
        onsets=onsets,
        coverage=coverage,
        n_spikes=[found.n_spikes for found in counted],
        clean_index=stimuli["clean_index"],
        sites=sites,
        first=first,
        agreement=agreement,
        about_sites=about_sites,
    )

    context.write(catalog.RESPONSES, onsets.table())
    context.write(catalog.COUNTS, {"counts": counts, "electrode_id": np.array(recording.electrode_ids)})
    context.write(catalog.ONSETS, onsets.arrays())
    for own in recording.devices:
        spikes = catalog.spikes(own.device.processor)
        write_arrays(
            context.output(spikes),
            spikes.layout,
            _spikes_of_sites(own, sites),
            simulated=context.simulated,
            attributes={"definition": recording.definition},
        )
    context.write(catalog.SITES, sites)
    context.write(catalog.QUALITY, quality.model_copy(update={"block": context.block.number}))
    waveforms = mean_waveforms(recording)
    if waveforms is not None:
        context.write(catalog.WAVEFORMS, waveforms)
    if first is not None and context.block != FIRST:
        day_0, window_s = context.at(FIRST), (window_ms[1] - window_ms[0]) / 1000
        found_then = _Answered(
            first,
            day_0.read(catalog.RESPONSES)["stimulus_id"],
            day_0.read(catalog.COUNTS)["counts"] / window_s,
            day_0.read(catalog.WAVEFORMS) if day_0.path(catalog.WAVEFORMS).exists() else None,
        )
        found_now = _Answered(sites, stimuli["stimulus_id"][onsets.image_index], counts / window_s, waveforms)
        identity = _identity(found_then, found_now, stimuli, min_reliability=context.protocol.sites.min_reliability)
        context.write(catalog.IDENTITY, identity.model_copy(update={"block": context.block.number}))


@dataclass(frozen=True)
class _Answered:
    """What a session's electrodes answered: which stimuli were shown, (presentations, electrodes) rates in Hz."""

    sites: SiteTable
    stimulus_id: NDArray[np.str_]
    rates_hz: NDArray[np.float64]
    waveforms: Arrays | None


def _identity(then: _Answered, now: _Answered, stimuli: Columns, *, min_reliability: float) -> IdentityTable:
    """Compare a session's electrodes with those of the study's first, by the images that every day shows."""
    images = images_of_every_day(stimuli)
    return identity_table(
        answers(then.sites, then.stimulus_id, then.rates_hz, images),
        answers(now.sites, now.stimulus_id, now.rates_hz, images),
        first=then.sites,
        today=now.sites,
        min_reliability=min_reliability,
        waveforms=(waveforms_by_name(then.waveforms, then.sites), waveforms_by_name(now.waveforms, now.sites)),
    )


def _begins_with_imported(block: Block, has: Callable[[StudyFile], bool]) -> bool:
    """Return whether it is the first session, of a study that begins with responses recorded elsewhere."""
    return block == FIRST and has(catalog.IMPORTED_RESPONSES)


def _sites_of_the_model(
    electrodes: Sequence[MappedElectrode],
    found: ElectrodeStatistics,
    *,
    imported: ImportedResponses | None,
    first: SiteTable | None,
    rules: Sites,
    folder: Path,
    ended_early: bool,
) -> tuple[dict[str, int], str]:
    """Return the model's output of each site, and how they were chosen where that was not by their reliability."""
    if imported is not None:
        return sites_of_imported(imported, electrodes, folder=folder)
    if first:
        return sites_of_day_0(first), ""
    return choose_sites(
        electrodes,
        found,
        n_sites=rules.n_sites,
        min_reliability=rules.min_reliability,
        folder=folder,
        ended_early=ended_early,
    )


def _align(journal: Journal, recording: DayRecording) -> dict[str, Alignment]:
    """Align every device with the journal; photodiode onsets that one saw time the others too."""
    devices = [own.device for own in recording.devices]
    return align_devices(
        sent_codes(journal),
        {device.name: device.codes for device in devices},
        edges={device.name: device.edges for device in devices if device.edges is not None},
        segments={device.name: device.segments for device in devices},
        rules=AlignmentRules(frame_ms=1000 / journal.launches[0].refresh_hz),
    )


def check_missing(onsets: Onsets, *, allowed: float, folder: Path) -> None:
    """Refuse a day of which too much cannot be used.

    Parameters
    ----------
    onsets
        All presentations.
    allowed
        Largest part of the accepted ones that may be unusable.
    folder
        The recording's, for the message.

    Raises
    ------
    AlignmentError
        More is missing.
    """
    n_accepted = int(onsets.accepted.sum())
    n_missing = n_accepted - int(onsets.used.sum())
    if n_missing > allowed * n_accepted:
        reasons = ", ".join(f"{n} {reason}" for reason, n in onsets.set_aside().items())
        raise AlignmentError(
            f"{folder}: expected at most {allowed:.0%} of {n_accepted} presentations unusable, "
            f"found {n_missing} ({reasons}). Check the recording; recording.max_missing_fraction sets the limit."
        )


def _count(own: DayDevice, alignment: Alignment, journal: Journal, *, window_ms: tuple[float, float]) -> DeviceCounts:
    """Count a device's spikes at every accepted presentation."""
    shown = sent_codes(journal).is_lit
    accepted = np.array([row.outcome == "accepted" for row in journal.presentations])
    onset_tick = np.where(accepted, alignment.onset_tick[shown], np.nan)
    return count_device(own, clock_segment=alignment.clock_segment[shown], onset_tick=onset_tick, window_ms=window_ms)


def _spikes_of_sites(own: DayDevice, sites: SiteTable) -> Arrays:
    """Return the chosen sites' spikes of a device: rasters are drawn from them."""
    chosen = [site.electrode_id for site in sites.chosen() if site.processor == own.device.processor]
    kept = in_order(concatenate_spikes([part.on_any(chosen) for part in own.spikes()]))
    return {
        "electrode_id": kept.electrode_id,
        "epoch": kept.clock_segment,
        "tick": kept.tick,
        "time_s": own.device.seconds(kept.clock_segment, kept.tick.astype(np.float64)),
    }
