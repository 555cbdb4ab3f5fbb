"""A day's responses of the chosen sites, joined to its stimuli."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.arrays import RESPONSE_COUNTS, read_arrays
from closedloop.artifacts.day_files import StimulusSet, read_stimulus_set
from closedloop.artifacts.days import RESPONSES, Site, SiteTable
from closedloop.artifacts.study import StudyPaths
from closedloop.artifacts.tables import Columns, read_table
from closedloop.errors import DocumentError


@dataclass(frozen=True)
class DayResponses:
    """What the sites answered on one day.

    Attributes
    ----------
    stimuli
        The day's stimuli.
    sites
        The chosen sites, by output index of the model.
    presentations
        The response table (`days.RESPONSES`), a numpy array a column.
    rates_hz
        (n_presentations, n_sites); NaN where unusable.
    """

    stimuli: StimulusSet
    sites: tuple[Site, ...]
    presentations: Columns
    rates_hz: NDArray[np.float64]

    @property
    def image_index(self) -> NDArray[np.int64]:
        """Row of the stimulus set of each presentation."""
        return np.asarray(self.presentations["image_index"], dtype=np.int64)

    @property
    def n_images(self) -> int:
        """Number of the day's stimuli."""
        return len(self.stimuli.images)


def read_day_responses(paths: StudyPaths, day: int, *, window_s: float) -> DayResponses:
    """Read a day's counts as rates of the chosen sites.

    Parameters
    ----------
    window_s
        Length of the window that the counts are from, seconds.

    Raises
    ------
    DocumentError
        A file is missing or damaged, or a chosen site was not recorded.
    """
    folder = paths.day(day).folder("ingest")
    sites = SiteTable.read(folder / "sites.json").chosen()
    counts = read_arrays(folder / "responses.h5", RESPONSE_COUNTS)
    column = {int(electrode): place for place, electrode in enumerate(counts["electrode_id"])}
    missing = [site.neuroid_id for site in sites if site.electrode_id not in column]
    if missing:
        raise DocumentError(
            f"{folder}: expected every chosen site, found {missing[0]} missing. Check the recording's electrodes."
        )
    chosen = [column[site.electrode_id] for site in sites]
    return DayResponses(
        stimuli=read_stimulus_set(paths, day),
        sites=sites,
        presentations=read_table(folder / "responses.parquet", RESPONSES),
        rates_hz=counts["counts"][:, chosen] / window_s,
    )
