"""The day's electrodes as sites: names across days, reliability, and which of them the model has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.dispersion import sigma
from closedloop.analysis.reliability import N_SPLITS, mean_response, split_half_reliability
from closedloop.artifacts.day.responses import Site, SiteTable
from closedloop.artifacts.day_use import SHOWN_MANY_TIMES
from closedloop.artifacts.tables import Columns
from closedloop.blackrock.arrays import ArrayMap, MappedElectrode, numbered_array
from closedloop.blackrock.maps import read_array_map
from closedloop.devices.files import MOST_PROCESSORS, processor_of
from closedloop.errors import RecordingError
from closedloop.stages.ingest.recording import DayDevice, DayRecording

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class ElectrodeStatistics:
    """How the electrodes answered on a day, (n_electrodes,) each; NaN where an electrode has no response.

    Attributes
    ----------
    reliability
        Correlation of the responses to clean images between halves of the repetitions, for the whole of them.
    mean_rate_hz, sigma_hz
        Mean and SD over the day's fresh clean images.
    """

    reliability: Floats
    mean_rate_hz: Floats
    sigma_hz: Floats


def electrode_statistics(
    rates_hz: Floats, image_index: Integers, stimuli: Columns, *, seed: int, n_splits: int = N_SPLITS
) -> ElectrodeStatistics:
    """Describe how the electrodes answered to clean images.

    Parameters
    ----------
    rates_hz
        (n_presentations, n_electrodes); NaN where unusable.
    image_index
        Row of the stimulus table of each presentation, (n_presentations,).
    stimuli
        The stimulus table, a numpy array a column.
    seed
        Decides the halves.
    n_splits
        Of the repetitions, that the reliability is averaged over.
    """
    is_clean = (stimuli["kind"] == "clean") & ~np.isin(
        stimuli["role"], SHOWN_MANY_TIMES
    )  # shown more often than on other days
    shown = is_clean[image_index]
    reliability = split_half_reliability(rates_hz[shown], image_index[shown], seed=seed, n_splits=n_splits)
    mean = mean_response(rates_hz[shown], image_index[shown], n_images=len(is_clean))
    fresh = mean[is_clean & (stimuli["role"] == "clean")]
    return ElectrodeStatistics(reliability, _mean_rates(fresh), sigma(fresh))


def choose_sites(
    electrodes: Sequence[MappedElectrode],
    found: ElectrodeStatistics,
    *,
    n_sites: int,
    min_reliability: float,
    folder: Path,
    ended_early: bool = False,
) -> tuple[dict[str, int], str]:
    """Choose the most reliable electrodes: outputs of the model, by the electrode's name.

    Of a first day that people closed early, perhaps before any image came twice, the electrodes are taken whose
    responses differ most among images, where none is reliable enough; that is said.

    Parameters
    ----------
    electrodes
        All of the day.
    found
        How each answered.
    n_sites
        At most so many are chosen.
    min_reliability
        None below it is.
    folder
        The recording's, for the message.
    ended_early
        Whether people closed the day before its end.

    Returns
    -------
    tuple[dict[str, int], str]
        The choice, and what is to be known of it; empty where it is as always.

    Raises
    ------
    RecordingError
        No electrode is reliable enough.
    """
    reliability, said = found.reliability, ""
    order = np.argsort(-np.nan_to_num(reliability, nan=-1.0), kind="stable")
    fit = [int(place) for place in order if reliability[place] >= min_reliability][:n_sites]
    if not fit and ended_early:
        order = np.argsort(-np.nan_to_num(found.sigma_hz, nan=-1.0), kind="stable")
        fit = [int(place) for place in order if found.sigma_hz[place] > 0][:n_sites]
        said = (
            f"The day ended before any electrode was seen to have a reliability of {min_reliability:g}: the sites are "
            "the electrodes whose responses differed most among the images that were shown."
        )
    if not fit:
        best = np.max(np.nan_to_num(reliability, nan=-1.0), initial=-1.0)
        raise RecordingError(
            f"{folder}: expected electrodes with a reliability of at least "
            f"{min_reliability:g}, found none (best {best:.2f}). Check the recording, "
            "show more repetitions, or lower sites.min_reliability."
        )
    return {electrodes[place].neuroid_id: index for index, place in enumerate(fit)}, said


def refuse_a_day_without_differences(counts: Floats, image_index: Integers, stimuli: Columns, *, folder: Path) -> None:
    """Refuse a first day on which no site of the model tells apart the images by which days are put on one scale.

    On a later day the model has what it learned before; a site that says nothing has no response on that day.

    Parameters
    ----------
    counts
        Of the sites, (n_presentations, n_sites); NaN where unusable.
    image_index
        Row of the stimulus table of each presentation, (n_presentations,).
    stimuli
        The stimulus table, a numpy array a column.
    folder
        The recording's, for the message.

    Raises
    ------
    RecordingError
        No response could be z-scored, so that no model could be fitted to the day.
    """
    is_clean = stimuli["kind"] == "clean"
    is_normalizer = is_clean & (stimuli["role"] == "normalizer")
    role = "normalizer" if is_normalizer.any() else "clean"
    rows = is_clean & (stimuli["role"] == role)
    mean = mean_response(counts, image_index, n_images=len(is_clean))[rows]
    if not (sigma(mean) > 0).any():
        raise RecordingError(
            f"{folder}: expected a site of the model whose responses differ among the {rows.sum()} {role} images, by "
            f"which days are put on one scale, found none among {counts.shape[1]} ({np.nansum(counts):.0f} spikes in "
            "all windows of the day). Check the thresholds and the .nev; bring a good copy by closedloop "
            "replace-recording, or record the day anew."
        )


def sites_of_day_0(first: SiteTable) -> dict[str, int]:
    """Return the choice of day 0, which later days keep: outputs of the model, by the electrode's name."""
    return {site.neuroid_id: site.site_index for site in first.chosen() if site.site_index is not None}


def describe_sites(
    electrodes: Sequence[MappedElectrode],
    found: ElectrodeStatistics,
    site_index: Mapping[str, int],
    first: SiteTable | None,
) -> tuple[Site, ...]:
    """Describe every electrode of the day, in the order of the counts' columns, then chosen sites that are missing.

    Parameters
    ----------
    electrodes
        All of the day.
    found
        How they answered.
    site_index
        Outputs of the model, by the electrode's name.
    first
        The sites of day 0; None on day 0 itself.
    """
    columns = zip(electrodes, found.reliability, found.mean_rate_hz, found.sigma_hz, strict=True)
    recorded = tuple(
        _site(electrode, reliability=float(rho), mean_rate_hz=float(rate), sigma_hz=float(spread), index_of=site_index)
        for electrode, rho, rate, spread in columns
    )
    return recorded + _missing(recorded, first)


def new_and_missing(recorded: Sequence[Site], first: SiteTable | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of sites that today's recording has and day 0's had not, and the other way round."""
    if first is None:
        return (), ()
    today, then = ({site.neuroid_id for site in sites} for sites in (recorded, first.sites))
    return tuple(sorted(today - then)), tuple(sorted(then - today))


def number_on_day_0(first: SiteTable | None) -> int | None:
    """Return the number of day 0's only processor where no name gives such a one any more; None everywhere else.

    Version 0.1 took "Utah array 96 day3" for processor 96; a study that began with it goes on.
    """
    numbers = {site.processor for site in first.sites} if first else set()
    return max(numbers) if len(numbers) == 1 and max(numbers) > MOST_PROCESSORS else None


def read_array_maps(folder: Path, *, arrays: Sequence[str] = (), numbered: int | None = None) -> dict[int, ArrayMap]:
    """Read the array maps in a recording's folder, by the processor after which each is named.

    Parameters
    ----------
    folder
        Of the recording.
    arrays, numbered
        As in `recording.read_day_devices`.

    Raises
    ------
    RecordingError
        A map cannot be read.
    """
    files = {numbered or processor_of(file, arrays=arrays): file for file in sorted(folder.glob("*.cmp"))}
    return {processor: ArrayMap(read_array_map(file, processor=processor)) for processor, file in files.items()}


def named_electrodes(
    recording: DayRecording, maps: Mapping[int, ArrayMap], first: SiteTable | None
) -> tuple[MappedElectrode, ...]:
    """Return the day's electrodes with names: by the array maps, as on day 0, or by number.

    Parameters
    ----------
    recording
        The day's.
    maps
        Of the arrays, by processor; empty where none lies with the recording.
    first
        The sites of day 0; None on day 0 itself.

    Raises
    ------
    RecordingError
        A map gives an electrode another name than it had on day 0, or lacks one that was recorded; or two electrodes
        have one name.
    """
    before = {(site.processor, site.electrode_id): site for site in first.sites} if first else {}
    for own in recording.devices:
        _refuse_a_map_of_another_array(recording.folder, own, maps.get(own.device.processor))
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


def refuse_other_electrodes(folder: Path, electrodes: Sequence[MappedElectrode], first: SiteTable | None) -> None:
    """Refuse a day on which not one of the model's sites was recorded: its files are named after another processor.

    Parameters
    ----------
    folder
        The recording's, for the message.
    electrodes
        All of the day.
    first
        The sites of day 0; None on day 0 itself.

    Raises
    ------
    RecordingError
        There is none.
    """
    chosen = {site.neuroid_id for site in first.chosen()} if first else set()
    today = sorted(electrode.neuroid_id for electrode in electrodes)
    if chosen and not chosen & set(today):
        raise RecordingError(
            f"{folder}: expected electrodes of day 0's sites, such as {min(chosen)}, found none of them among "
            f"{today[0]} to {today[-1]}. Name the files after the processors as on day 0, or give day 0's array maps."
        )


def _refuse_one_name_for_two(folder: Path, named: Sequence[MappedElectrode]) -> None:
    twice = [name for name, n in Counter(one.neuroid_id for one in named).items() if n > 1]
    if twice:
        raise RecordingError(
            f"{folder}: expected a name of its own for every electrode, found two named {twice[0]}. Give a map (.cmp) "
            "for each processor, named after it."
        )


def _refuse_a_map_of_another_array(folder: Path, own: DayDevice, mapped: ArrayMap | None) -> None:
    if mapped is None:
        return
    processor = own.device.processor
    placed = {one.electrode_id for one in mapped.electrodes if one.processor == processor}
    missing = [electrode for electrode in own.electrode_ids if electrode not in placed]
    if missing:
        raise RecordingError(
            f"{folder}: expected a place for every recorded electrode in the array map (.cmp) of processor "
            f"{processor}, found none for {len(missing)} of {len(own.electrode_ids)}, the first of them electrode "
            f"{missing[0]}. Give the map of this array."
        )


def _named(own: DayDevice, mapped: ArrayMap | None) -> tuple[MappedElectrode, ...]:
    processor = own.device.processor
    if mapped is None:
        return numbered_array(processor, own.electrode_ids, labels=[electrode.label for electrode in own.electrodes])
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
    electrode: MappedElectrode, *, reliability: float, mean_rate_hz: float, sigma_hz: float, index_of: Mapping[str, int]
) -> Site:
    return Site(
        neuroid_id=electrode.neuroid_id,
        electrode_id=electrode.electrode_id,
        reliability=round(reliability, 4) if np.isfinite(reliability) else None,
        mean_rate_hz=round(mean_rate_hz, 3) if np.isfinite(mean_rate_hz) else None,
        sigma_hz=round(sigma_hz, 3) if np.isfinite(sigma_hz) else None,
        site_index=index_of.get(electrode.neuroid_id),
        processor=electrode.processor,
        label=electrode.label,
        row=electrode.row,
        column=electrode.column,
    )


def _missing(recorded: tuple[Site, ...], first: SiteTable | None) -> tuple[Site, ...]:
    """Keep the chosen sites that the day lacks: the model's outputs stay what they are."""
    names = {site.neuroid_id for site in recorded}
    chosen = first.chosen() if first else ()
    gone = [site for site in chosen if site.neuroid_id not in names]
    return tuple(site.model_copy(update={"reliability": None, "mean_rate_hz": None, "sigma_hz": None}) for site in gone)
