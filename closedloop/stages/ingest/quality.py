"""The day's quality report: what ingest found, what it set aside and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from closedloop.alignment.alignment import Alignment, missing_at_ends
from closedloop.alignment.quality import AlignmentQuality
from closedloop.artifacts.day.doubts import overrides_of, unvouched
from closedloop.artifacts.day.journal import Journal
from closedloop.artifacts.day.quality import ClockRun, DeviceQuality, IngestQuality, RawAgreement
from closedloop.artifacts.day.responses import SiteTable
from closedloop.stages.ingest.coverage import DeviceCoverage
from closedloop.stages.ingest.onsets import DeviceOnsets, Onsets, sent_codes
from closedloop.stages.ingest.recording import DayDevice, DayRecording, recording_lines
from closedloop.stages.ingest.sites import new_and_missing
from closedloop.stimuli.sequences import minutes_to_twin


def quality_of(
    recording: DayRecording,
    *,
    journal: Journal,
    despite: Mapping[str, str],
    alignments: Mapping[str, Alignment],
    onsets: Onsets,
    coverage: Mapping[str, DeviceCoverage],
    n_spikes: Sequence[int],
    clean_index: NDArray[np.int64],
    sites: SiteTable,
    first: SiteTable | None,
    agreement: tuple[RawAgreement, ...],
    about_sites: str,
) -> IngestQuality:
    """Gather the day's quality report.

    Parameters
    ----------
    recording, journal
        What was recorded, and what the rig did.
    despite
        What makes the session no data of an animal, by name, and who took it nevertheless.
    alignments
        Of the two, by the device's name.
    onsets
        When each presentation came.
    coverage
        When the electrodes of each device were recorded, by its name.
    n_spikes
        Spikes of each device.
    clean_index
        For each stimulus, the clean one it was made from, (n_stimuli,).
    sites, first
        The day's sites and those of day 0; None on day 0 itself.
    agreement
        How well offline detection finds the recorder's threshold crossings.
    about_sites
        How they were chosen, where it was not by their reliability.
    """
    used = onsets.used
    twins = minutes_to_twin(onsets.image_index[used], onsets.time_s[used], clean_index)
    chosen = [site.reliability for site in sites.chosen() if site.reliability is not None]
    sent = sent_codes(journal)
    devices = tuple(
        _device_quality(
            own,
            alignments[name := own.device.name].quality,
            onsets,
            at,
            n_spikes=n,
            remarks=(*own.device.remarks, *coverage[name].remarks, *missing_at_ends(sent, alignments[name])),
        )
        for own, at, n in zip(recording.devices, onsets.devices, n_spikes, strict=True)
    )
    new, missing = new_and_missing(sites.sites[: len(recording.electrode_ids)], first)
    found, leading = alignments[recording.devices[0].device.name].quality, devices[0]
    return IngestQuality(
        simulated=sites.simulated,
        day=sites.day,
        session_id=journal.launches[0].session_id,
        files=recording_lines(recording),
        spikes_from=recording.definition,
        n_spikes=sum(n_spikes),
        duration_s=leading.duration_s,
        n_presented=int(onsets.accepted.sum()),
        n_rejected=int((~onsets.accepted).sum()),
        n_not_recorded=sum(row.reason == "not_recorded" for row in journal.presentations),
        n_used=int(used.sum()),
        set_aside=onsets.set_aside(),
        about_sites=about_sites,
        codes_sent=found.n_sent,
        codes_received=leading.codes_received,
        codes_matched=leading.codes_matched,
        codes_lost=leading.codes_lost,
        codes_doubled=leading.codes_doubled,
        codes_changed=leading.codes_changed,
        codes_unmatched=leading.codes_unmatched,
        clock_offset_s=round(found.offset_s, 6),
        clock_drift_ppm=round(found.drift_ppm, 3),
        clock_residual_iqr_ms=round(found.residual_iqr_ms, 4),
        photodiode_lag_median_ms=leading.photodiode_lag_median_ms,
        photodiode_lag_iqr_ms=leading.photodiode_lag_iqr_ms,
        n_without_photodiode=leading.n_without_photodiode,
        twin_separation_median_min=_rounded(float(np.median(twins))) if len(twins) else None,
        twin_separation_min_min=_rounded(float(twins.min())) if len(twins) else None,
        raw_agreement=agreement,
        reliability_median=_rounded(float(np.median(chosen))) if chosen else None,
        devices=devices,
        despite=dict(despite),
        journal_notes=unvouched(journal),
        overrides=overrides_of(journal),
        sites_new=new,
        sites_missing=missing,
    )


def _device_quality(
    own: DayDevice,
    found: AlignmentQuality,
    onsets: Onsets,
    at: DeviceOnsets,
    *,
    n_spikes: int,
    remarks: tuple[str, ...],
) -> DeviceQuality:
    device = own.device
    return DeviceQuality(
        name=device.name,
        processor=device.processor,
        duration_s=round(device.duration_s, 3),
        n_epochs=len({segment.clock_segment for segment in device.segments}),
        n_stretches=len(device.segments),
        n_electrodes=len(own.electrodes),
        n_spikes=n_spikes,
        n_used=int((onsets.accepted & at.usable).sum()),
        set_aside=onsets.set_aside_on(at),
        codes_received=found.n_received,
        codes_matched=found.n_matched,
        codes_lost=found.n_lost,
        codes_doubled=found.n_doubled,
        codes_changed=found.n_changed,
        codes_unmatched=tuple(str(code) for code in found.unmatched),
        clocks=tuple(
            ClockRun(
                segment=run.launch,
                epoch=run.clock_segment,
                n_codes=run.n_codes,
                offset_s=round(run.offset_s, 6),
                drift_ppm=round(run.drift_ppm, 3),
                residual_iqr_ms=round(run.residual_iqr_ms, 4),
            )
            for run in found.runs
        ),
        light_from=found.light_from,
        photodiode_lag_median_ms=_rounded(found.photodiode_lag_median_ms),
        photodiode_lag_iqr_ms=_rounded(found.photodiode_lag_iqr_ms),
        n_without_photodiode=found.n_without_photodiode,
        repairs=device.repairs,
        used_in_part=onsets.partly_on(at),
        remarks=remarks,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
