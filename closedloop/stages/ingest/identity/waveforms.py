"""Mean spike waveforms of the day's electrodes, as the recorder stored them, and how alike two are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.arrays import Arrays
from closedloop.artifacts.day.responses import SiteTable
from closedloop.recording.waveform_means import MeanWaveform
from closedloop.stages.ingest.recording import DayRecording

Floats = NDArray[np.float64]

WaveformsByName: TypeAlias = Mapping[str, Floats]
"""An electrode's mean waveform, uV, (n_samples,), by its name."""


def mean_waveforms(recording: DayRecording) -> Arrays | None:
    """Return the mean waveforms of a day's electrodes as waveforms.h5 holds them; None where none are stored.

    Of several recordings of a processor an electrode's means are averaged, weighted by spikes.
    """
    rows = [
        (own.device.processor, one)
        for own in recording.devices
        for one in _joined([found for part in own.device.parts for found in part.mean_waveforms()])
        if one.electrode_id in own.electrode_ids
    ]
    if not rows:
        return None
    n_samples = max(len(one.mean_uv) for _, one in rows)
    return {
        "processor": np.array([processor for processor, _ in rows], np.uint8),
        "electrode_id": np.array([one.electrode_id for _, one in rows], np.uint16),
        "n_spikes": np.array([one.n_spikes for _, one in rows], np.int64),
        "mean_uv": np.stack(
            [np.pad(one.mean_uv, (0, n_samples - len(one.mean_uv)), constant_values=np.nan) for _, one in rows]
        ),
    }


def waveforms_by_name(waveforms: Arrays | None, sites: SiteTable) -> WaveformsByName:
    """Return mean waveforms by the electrodes' names.

    Parameters
    ----------
    waveforms
        The day's, as waveforms.h5 holds them; None where none are stored.
    sites
        The day's.
    """
    if waveforms is None:
        return {}
    names = {(site.processor, site.electrode_id): site.neuroid_id for site in sites.sites}
    places = zip(waveforms["processor"].tolist(), waveforms["electrode_id"].tolist(), strict=True)
    return {names[place]: row for place, row in zip(places, waveforms["mean_uv"], strict=True) if place in names}


def waveform_likeness(then_uv: Floats | None, now_uv: Floats | None) -> float | None:
    """Return how alike two mean waveforms are in shape and size; None where one is not known.

    ``2 a.b / (a.a + b.b)``: their cosine where they are of one size, and less the more these differ.

    Parameters
    ----------
    then_uv, now_uv
        uV, (n_samples,) each; compared as far as both go.
    """
    if then_uv is None or now_uv is None:
        return None
    n = min(len(then_uv), len(now_uv))
    known = np.isfinite(then_uv[:n]) & np.isfinite(now_uv[:n])
    a, b = then_uv[:n][known], now_uv[:n][known]
    sizes = float(a @ a + b @ b)
    return 2 * float(a @ b) / sizes if sizes > 0 else None


def _joined(found: Sequence[MeanWaveform]) -> list[MeanWaveform]:
    """Join the means of each electrode that has some from several recordings of one length."""
    of_electrode: dict[int, list[MeanWaveform]] = defaultdict(list)
    for one in found:
        of_electrode[one.electrode_id].append(one)
    return [_mean_of(own) for _, own in sorted(of_electrode.items())]


def _mean_of(own: Sequence[MeanWaveform]) -> MeanWaveform:
    alike = [one for one in own if len(one.mean_uv) == len(own[0].mean_uv)]
    n_spikes = [one.n_spikes for one in alike]
    mean_uv = np.average([one.mean_uv for one in alike], axis=0, weights=n_spikes)
    return MeanWaveform(own[0].electrode_id, own[0].unit, sum(n_spikes), np.asarray(mean_uv), own[0].sd_uv)
