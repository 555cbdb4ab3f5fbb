"""A day's responses of the chosen sites, joined to its stimuli."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.catalog import COUNTS, RESPONSES, SITES
from closedloop.artifacts.day.responses import Site, SiteTable
from closedloop.artifacts.files.kinds import Reader
from closedloop.artifacts.stimulus_set import StimulusSet, check_index, differ, read_stimulus_set
from closedloop.artifacts.tables import Columns


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
        The response table (`day.responses.RESPONSES`), a numpy array a column.
    rates_hz
        (n_presentations, n_sites); NaN where unusable, a whole column where the day's recording lacks the site.
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


def read_day_responses(read: Reader, day: int, *, window_s: float) -> DayResponses:
    """Read a day's counts as rates of the chosen sites.

    Parameters
    ----------
    read
        Of whom: `context.read` of a stage, which sees what its row declares, or `files.kinds.reader_of`.
    day
        Whose.
    window_s
        Length of the window that the counts are from, seconds.

    Raises
    ------
    DocumentError
        A file is missing or damaged, or two do not belong together.
    """
    table, counts = read(SITES, day=day), read(COUNTS, day=day)
    stimuli, presentations = read_stimulus_set(read, day), read(RESPONSES, day=day)
    _check_columns(day, table, counts["electrode_id"])
    wanted = len(presentations["image_index"]), len(counts["electrode_id"])
    if counts["counts"].shape != wanted:
        found = f"shape {counts['counts'].shape}"
        raise differ(day, COUNTS, f"counts of {wanted} presentations and electrodes in {COUNTS.name}", found)
    check_index(day, RESPONSES, "image_index", presentations["image_index"], n=len(stimuli.images))
    return DayResponses(
        stimuli=stimuli,
        sites=table.chosen(),
        presentations=presentations,
        rates_hz=_columns_of(table, counts["counts"]) / window_s,
    )


def _check_columns(day: int, table: SiteTable, electrode_id: NDArray[np.uint16]) -> None:
    expected = [site.electrode_id for site in table.sites[: len(electrode_id)]]
    if expected != electrode_id.tolist():
        raise differ(day, COUNTS, f"the electrodes of {SITES.name} in {COUNTS.name}", "others")


def _columns_of(table: SiteTable, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pick the chosen sites' columns by their names; a site that was not recorded is NaN."""
    recorded = {site.neuroid_id: place for place, site in enumerate(table.sites[: counts.shape[1]])}
    picked = np.full((len(counts), len(table.chosen())), np.nan)
    for column, site in enumerate(table.chosen()):
        if site.neuroid_id in recorded:
            picked[:, column] = counts[:, recorded[site.neuroid_id]]
    return picked
