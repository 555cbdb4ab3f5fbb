"""Ingest: from journal and recording to spike counts of every presentation, each used or set aside with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.dispersion import sigma
from closedloop.analysis.reliability import mean_response, split_half_reliability
from closedloop.artifacts.arrays import RESPONSE_COUNTS, SPIKES, write_arrays
from closedloop.artifacts.day_files import StimulusSet, read_stimulus_set
from closedloop.artifacts.days import RESPONSES, Site, SiteTable
from closedloop.artifacts.journal import Journal, read_journal
from closedloop.artifacts.session import SessionDocument
from closedloop.artifacts.tables import write_table
from closedloop.errors import AlignmentError, RecordingError
from closedloop.recording.alignment import Alignment, align
from closedloop.recording.arrays import ArrayMap, numbered_array
from closedloop.recording.codes import Edges, ReceivedCodes
from closedloop.recording.counts import count_spikes
from closedloop.recording.run_search import AlignmentRules
from closedloop.recording.spikes import Spikes
from closedloop.stages.context import StageContext
from closedloop.stages.ingest_onsets import Onsets, onsets_of, sent_codes
from closedloop.stages.ingest_quality import quality_of
from closedloop.stages.ingest_recording import DayRecording, read_day_recording

_MS_PER_S = 1000


def run(context: StageContext) -> None:
    """Write responses.parquet, responses.h5, spikes.h5, sites.json and quality.json."""
    session = SessionDocument.read(context.published("schedule") / "session.json")
    journal = read_journal(context.published("present") / "journal.jsonl")
    recording = read_day_recording(context.published("recording"), context, session)
    alignment = _align(journal, recording)
    onsets = onsets_of(journal, alignment, recording)
    _check_missing(context, onsets, recording.nev_file)
    counts = _count(context, onsets, recording)
    stimuli = read_stimulus_set(context.paths, context.day)
    sites = _site_table(context, stimuli, onsets, counts, recording)
    simulated = context.simulated
    write_table(context.working / "responses.parquet", RESPONSES, onsets.table(), simulated=simulated)
    arrays: dict[str, NDArray[Any]] = {"counts": counts, "electrode_id": np.array(recording.electrode_ids)}
    write_arrays(context.working / "responses.h5", RESPONSE_COUNTS, arrays, simulated=simulated)
    _write_spikes(context.working / "spikes.h5", recording, sites, simulated=simulated)
    sites.write(context.working / "sites.json")
    quality_of(
        context,
        journal=journal,
        recording=recording,
        found=alignment.quality,
        onsets=onsets,
        stimuli=stimuli,
        sites=sites,
    ).write(context.working / "quality.json")


def _align(journal: Journal, recording: DayRecording) -> Alignment:
    received = ReceivedCodes(
        np.zeros(len(recording.code_tick), np.int64), recording.code_tick, recording.code_value, recording.tick_hz
    )
    edge_tick = recording.photodiode_edge_tick
    return align(
        sent_codes(journal),
        received,
        edges=None if edge_tick is None else Edges(np.zeros(len(edge_tick), np.int64), edge_tick),
        stretches=recording.blocks,
        rules=AlignmentRules(frame_ms=_MS_PER_S / journal.segments[0].refresh_hz),
        place=str(recording.nev_file),
    )


def _check_missing(context: StageContext, onsets: Onsets, file: Path) -> None:
    n_accepted = int(onsets.accepted.sum())
    n_missing = n_accepted - int(onsets.used.sum())
    allowed = context.protocol.recording.max_missing_fraction
    if n_missing > allowed * n_accepted:
        reasons = ", ".join(f"{n} {reason}" for reason, n in onsets.set_aside().items())
        raise AlignmentError(
            f"{file}: expected at most {allowed:.0%} of {n_accepted} presentations unusable, "
            f"found {n_missing} ({reasons}). Check the recording; recording.max_missing_fraction sets the limit."
        )


def _count(context: StageContext, onsets: Onsets, recording: DayRecording) -> NDArray[np.float64]:
    window = context.protocol.recording
    return count_spikes(
        Spikes(
            np.zeros(len(recording.spike_tick), np.uint16),
            recording.spike_tick,
            recording.spike_electrode.astype(np.uint16),
        ),
        onset_epoch=np.zeros(len(onsets.onset_tick), np.int64),
        onset_tick=np.where(onsets.used, onsets.onset_tick, np.nan),
        electrodes=recording.electrode_ids,
        tick_hz=recording.tick_hz,
        window_ms=(window.window_start_ms, window.window_stop_ms),
    )


def _site_table(
    context: StageContext, stimuli: StimulusSet, onsets: Onsets, counts: NDArray[np.float64], recording: DayRecording
) -> SiteTable:
    window = context.protocol.recording
    rates = counts / (window.window_stop_ms - window.window_start_ms) * _MS_PER_S
    clean = np.isin(onsets.image_index, stimuli.rows(kind="clean"))
    reliability = split_half_reliability(rates[clean], onsets.image_index[clean], seed=context.seed("reliability"))
    mean = mean_response(rates[clean], onsets.image_index[clean], n_images=len(stimuli.images))
    fresh = mean[stimuli.rows(kind="clean", role="clean")]
    index_of = _site_index(context, recording.electrode_ids, reliability)
    names = ArrayMap(numbered_array(1, recording.electrode_ids))
    sites = tuple(
        Site(
            neuroid_id=names.by_number(1, electrode).neuroid_id,
            electrode_id=electrode,
            reliability=round(float(rho), 4) if np.isfinite(rho) else None,
            mean_rate_hz=round(float(np.nan_to_num(rate)), 3),
            sigma_hz=round(float(np.nan_to_num(spread)), 3),
            site_index=index_of.get(electrode),
        )
        for electrode, rho, rate, spread in zip(
            recording.electrode_ids, reliability, np.nanmean(fresh, axis=0), sigma(fresh), strict=True
        )
    )
    return SiteTable(simulated=context.simulated, day=context.day, sites=sites)


def _site_index(
    context: StageContext, electrode_ids: tuple[int, ...], reliability: NDArray[np.float64]
) -> dict[int, int]:
    """Choose the sites on day 0, the most reliable electrodes; keep that choice on later days."""
    if context.day > 0:
        chosen = SiteTable.read(context.published("ingest", day=0) / "sites.json").chosen()
        return {site.electrode_id: site.site_index for site in chosen if site.site_index is not None}
    wanted = context.protocol.sites
    order = np.argsort(-np.nan_to_num(reliability, nan=-1.0), kind="stable")
    fit = [int(place) for place in order if reliability[place] >= wanted.min_reliability][: wanted.n_sites]
    if not fit:
        raise RecordingError(
            f"{context.published('recording')}: expected electrodes with a reliability of at least "
            f"{wanted.min_reliability:g}, found none (best {np.nanmax(reliability):.2f}). Check the recording, "
            "show more repetitions, or lower sites.min_reliability."
        )
    return {electrode_ids[place]: index for index, place in enumerate(fit)}


def _write_spikes(path: Path, recording: DayRecording, sites: SiteTable, *, simulated: bool) -> None:
    """Keep the chosen sites' spikes: rasters are drawn from them."""
    chosen = [site.electrode_id for site in sites.chosen()]
    kept = np.isin(recording.spike_electrode, chosen)
    tick = recording.spike_tick[kept]
    arrays: dict[str, NDArray[Any]] = {
        "electrode_id": recording.spike_electrode[kept],
        "epoch": np.zeros(len(tick), dtype=np.uint16),
        "tick": tick,
        "time_s": tick / recording.tick_hz,
    }
    write_arrays(path, SPIKES, arrays, simulated=simulated, attributes={"definition": recording.definition})
