"""The day's quality report: what ingest found, what it set aside and why."""

from __future__ import annotations

import numpy as np

from closedloop.artifacts.day_files import StimulusSet
from closedloop.artifacts.days import IngestQuality, SiteTable
from closedloop.artifacts.journal import Journal
from closedloop.recording.alignment_quality import AlignmentQuality
from closedloop.stages.context import StageContext
from closedloop.stages.ingest_onsets import Onsets
from closedloop.stages.ingest_recording import DayRecording, raw_agreement, recording_lines
from closedloop.stimuli.sequences import minutes_to_twin


def quality_of(
    context: StageContext,
    *,
    journal: Journal,
    recording: DayRecording,
    found: AlignmentQuality,
    onsets: Onsets,
    stimuli: StimulusSet,
    sites: SiteTable,
) -> IngestQuality:
    """Gather the day's quality report."""
    used = onsets.used
    twins = minutes_to_twin(
        onsets.image_index[used], onsets.onset_tick[used] / recording.tick_hz, stimuli.columns["clean_index"]
    )
    chosen = [site.reliability for site in sites.chosen() if site.reliability is not None]
    return IngestQuality(
        simulated=context.simulated,
        day=context.day,
        session_id=journal.segments[0].session_id,
        files=recording_lines(recording),
        spikes_from=recording.definition,
        n_spikes=len(recording.spike_tick),
        duration_s=round(recording.duration_s, 3),
        n_presented=int(onsets.accepted.sum()),
        n_rejected=int((~onsets.accepted).sum()),
        n_used=int(used.sum()),
        set_aside=onsets.set_aside(),
        codes_sent=found.n_sent,
        codes_received=found.n_received,
        codes_matched=found.n_matched,
        codes_lost=found.n_lost,
        codes_doubled=found.n_doubled,
        codes_changed=found.n_changed,
        codes_unmatched=tuple(str(code) for code in found.unmatched),
        clock_offset_s=round(found.offset_s, 6),
        clock_drift_ppm=round(found.drift_ppm, 3),
        clock_residual_iqr_ms=round(found.residual_iqr_ms, 4),
        photodiode_lag_median_ms=_rounded(found.photodiode_lag_median_ms),
        photodiode_lag_iqr_ms=_rounded(found.photodiode_lag_iqr_ms),
        n_without_photodiode=found.n_without_photodiode,
        twin_separation_median_min=_rounded(float(np.median(twins))) if len(twins) else None,
        twin_separation_min_min=_rounded(float(twins.min())) if len(twins) else None,
        raw_agreement=raw_agreement(recording, context.protocol.recording.detection),
        reliability_median=_rounded(float(np.median(chosen))) if chosen else None,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
