"""The day's electrodes as sites: names across days, reliability, and which of them the model has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.dispersion import sigma
from closedloop.analysis.reliability import mean_response, split_half_reliability
from closedloop.artifacts.day.responses import Site, SiteTable
from closedloop.artifacts.day_files import StimulusSet
from closedloop.blackrock.arrays import ArrayMap, MappedElectrode, numbered_array
from closedloop.blackrock.maps import read_array_map
from closedloop.devices.files import processor_of
from closedloop.errors import RecordingError
from closedloop.stages.context import StageContext
from closedloop.stages.ingest.onsets import Onsets
from closedloop.stages.ingest.recording import DayDevice, DayRecording


def day_0_sites(context: StageContext) -> SiteTable | None:
    """Read the sites of day 0; None on day 0 itself."""
    return SiteTable.read(context.published("ingest", day=0) / "sites.json") if context.day > 0 else None


def site_table(
    context: StageContext, stimuli: StimulusSet, onsets: Onsets, counts: NDArray[np.float64], recording: DayRecording
) -> SiteTable:
    """Describe every electrode of the day, in the order of the counts' columns, then chosen sites that are missing."""
    window = context.protocol.recording
    rates = counts / (window.window_stop_ms - window.window_start_ms) * 1000
    clean = np.isin(onsets.image_index, stimuli.rows(kind="clean"))
    reliability = split_half_reliability(rates[clean], onsets.image_index[clean], seed=context.seed("reliability"))
    mean = mean_response(rates[clean], onsets.image_index[clean], n_images=len(stimuli.images))
    fresh = mean[stimuli.rows(kind="clean", role="clean")]
    first = day_0_sites(context)
    electrodes = named_electrodes(recording, first)
    index_of = _site_index(context, electrodes, reliability, first)
    columns = zip(electrodes, reliability, _mean_rates(fresh), sigma(fresh), strict=True)
    recorded = tuple(
        _site(electrode, reliability=float(rho), mean_rate_hz=float(rate), sigma_hz=float(spread), index_of=index_of)
        for electrode, rho, rate, spread in columns
    )
    return SiteTable(simulated=context.simulated, day=context.day, sites=recorded + _missing(recorded, first))


def new_and_missing(recorded: Sequence[Site], first: SiteTable | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Name the sites that today's recording has and day 0's had not, and the other way round."""
    if first is None:
        return (), ()
    today, then = ({site.neuroid_id for site in sites} for sites in (recorded, first.sites))
    return tuple(sorted(today - then)), tuple(sorted(then - today))


def named_electrodes(recording: DayRecording, first: SiteTable | None) -> tuple[MappedElectrode, ...]:
    """Name the day's electrodes: by the array maps in the recording's folder, as on day 0, or by number.

    Raises
    ------
    RecordingError
        A map gives an electrode another name than it had on day 0, or lacks one that was recorded; or two electrodes
        have one name.
    """
    maps = {processor_of(file.stem): file for file in sorted(recording.folder.glob("*.cmp"))}
    before = {(site.processor, site.electrode_id): site for site in first.sites} if first else {}
    named = [electrode for own in recording.devices for electrode in _named(own, maps.get(own.device.processor))]
    if not maps:
        named = [
            _as_on_day_0(electrode, before.get((electrode.processor, electrode.electrode_id))) for electrode in named
        ]
    _refuse_one_name_for_two(recording.folder, named)
    for electrode in named:
        then = before.get((electrode.processor, electrode.electrode_id))
        if then is not None and then.neuroid_id != electrode.neuroid_id:
            raise RecordingError(
                f"{recording.folder}: expected processor {electrode.processor}, electrode {electrode.electrode_id} to "
                f"be {then.neuroid_id} as on day 0, found {electrode.neuroid_id}. Use day 0's array map."
            )
    return tuple(named)


def _refuse_one_name_for_two(folder: Path, named: Sequence[MappedElectrode]) -> None:
    twice = [name for name, n in Counter(one.neuroid_id for one in named).items() if n > 1]
    if twice:
        raise RecordingError(
            f"{folder}: expected a name of its own for every electrode, found two named {twice[0]}. Give a map (.cmp) "
            "for each processor, named after it."
        )


def _named(own: DayDevice, map_file: Path | None) -> tuple[MappedElectrode, ...]:
    processor = own.device.processor
    if map_file is None:
        return numbered_array(processor, own.electrode_ids, labels=[electrode.label for electrode in own.electrodes])
    mapped = ArrayMap(read_array_map(map_file, processor=processor))
    return tuple(mapped.by_number(processor, electrode) for electrode in own.electrode_ids)


def _as_on_day_0(electrode: MappedElectrode, then: Site | None) -> MappedElectrode:
    if then is None:
        return electrode
    array = then.neuroid_id.rpartition("-")[0]
    return MappedElectrode(
        then.neuroid_id, array, electrode.processor, electrode.electrode_id, electrode.label, then.row, then.column
    )


def _mean_rates(fresh: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average over images; NaN for an electrode without any response."""
    known = np.isfinite(fresh).any(axis=0)
    mean = np.full(fresh.shape[1], np.nan)
    mean[known] = np.nanmean(fresh[:, known], axis=0)
    return mean


def _site(
    electrode: MappedElectrode, *, reliability: float, mean_rate_hz: float, sigma_hz: float, index_of: dict[str, int]
) -> Site:
    return Site(
        neuroid_id=electrode.neuroid_id,
        electrode_id=electrode.electrode_id,
        reliability=round(reliability, 4) if np.isfinite(reliability) else None,
        mean_rate_hz=round(float(np.nan_to_num(mean_rate_hz)), 3),
        sigma_hz=round(float(np.nan_to_num(sigma_hz)), 3),
        site_index=index_of.get(electrode.neuroid_id),
        processor=electrode.processor,
        label=electrode.label,
        row=electrode.row,
        column=electrode.column,
    )


def _site_index(
    context: StageContext,
    electrodes: tuple[MappedElectrode, ...],
    reliability: NDArray[np.float64],
    first: SiteTable | None,
) -> dict[str, int]:
    """Choose the sites on day 0, the most reliable electrodes; keep that choice on later days, by name."""
    if first is not None:
        return {site.neuroid_id: site.site_index for site in first.chosen() if site.site_index is not None}
    wanted = context.protocol.sites
    order = np.argsort(-np.nan_to_num(reliability, nan=-1.0), kind="stable")
    fit = [int(place) for place in order if reliability[place] >= wanted.min_reliability][: wanted.n_sites]
    if not fit:
        best = np.max(np.nan_to_num(reliability, nan=-1.0), initial=-1.0)
        raise RecordingError(
            f"{context.published('recording')}: expected electrodes with a reliability of at least "
            f"{wanted.min_reliability:g}, found none (best {best:.2f}). Check the recording, "
            "show more repetitions, or lower sites.min_reliability."
        )
    return {electrodes[place].neuroid_id: index for index, place in enumerate(fit)}


def _missing(recorded: tuple[Site, ...], first: SiteTable | None) -> tuple[Site, ...]:
    """Keep the chosen sites that the day lacks: the model's outputs stay what they are."""
    names = {site.neuroid_id for site in recorded}
    chosen = first.chosen() if first else ()
    gone = [site for site in chosen if site.neuroid_id not in names]
    return tuple(site.model_copy(update={"reliability": None, "mean_rate_hz": 0.0, "sigma_hz": 0.0}) for site in gone)
