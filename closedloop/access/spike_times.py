"""Spike times of one site and when the images came on, on the clock of the processor that the site is wired to."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closedloop.access.files import PublishedFiles, differ
from closedloop.artifacts import catalog
from closedloop.artifacts.day.responses import Site
from closedloop.errors import StudyError


def site_spikes(files: PublishedFiles, day: int, neuroid_id: str) -> NDArray[np.float64]:
    """Return a site's spikes in seconds, ascending.

    Parameters
    ----------
    files
        The study.
    day
        The day.
    neuroid_id
        One of the chosen sites.
    """
    return files.read_together(day, catalog.spikes(1), partial(_spikes, files, day, neuroid_id))


def _spikes(files: PublishedFiles, day: int, neuroid_id: str) -> NDArray[np.float64]:
    site = _recorded_site(files, day, neuroid_id)
    spikes = files.read(catalog.spikes(site.processor), day)
    return np.sort(spikes["time_s"][spikes["electrode_id"] == site.electrode_id])


def site_onsets(files: PublishedFiles, day: int, neuroid_id: str) -> pd.Series[float]:
    """Return when each presentation came on, seconds on the clock of `site_spikes`; NaN where it does not count.

    Parameters
    ----------
    files
        The study.
    day
        The day.
    neuroid_id
        One of the chosen sites.
    """
    return files.read_together(day, catalog.RESPONSES, partial(_onsets, files, day, neuroid_id))


def _onsets(files: PublishedFiles, day: int, neuroid_id: str) -> pd.Series[float]:
    site = _recorded_site(files, day, neuroid_id)
    responses = files.read(catalog.RESPONSES, day)
    time_s = responses["onset_s"]
    if files.has(catalog.ONSETS, day):
        onsets, place = files.read(catalog.ONSETS, day), files.path(catalog.ONSETS, day)
        processors, n_shown = onsets["processor"].tolist(), len(responses["ordinal"])
        if onsets["time_s"].shape != (len(processors), n_shown):
            found = f"{onsets['time_s'].shape}"
            raise differ(place, f"onsets of the {n_shown} presentations of responses.parquet", found)
        if site.processor not in processors:
            raise differ(place, f"onsets on processor {site.processor} of sites.json", f"those on {processors}")
        time_s = onsets["time_s"][processors.index(site.processor)]
    usable = np.where(responses["used"].astype(bool), time_s, np.nan)
    return pd.Series(usable, index=pd.Index(responses["ordinal"], name="ordinal"), name="onset_s")


def _recorded_site(files: PublishedFiles, day: int, neuroid_id: str) -> Site:
    chosen = {site.neuroid_id: site for site in files.read(catalog.SITES, day).chosen()}
    place = files.path(catalog.SITES, day)
    if neuroid_id not in chosen:
        raise StudyError(
            f"{place}: expected one of the {len(chosen)} chosen sites ({', '.join([*chosen][:3])} ...), "
            f"found {neuroid_id!r}. `study.sites({day})` lists them."
        )
    if neuroid_id in files.read(catalog.QUALITY, day).sites_missing:
        raise StudyError(f"{place}: site {neuroid_id} was not recorded on day {day}. Choose another site or day.")
    return chosen[neuroid_id]
