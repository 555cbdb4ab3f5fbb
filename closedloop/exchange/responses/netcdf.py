"""Responses as labelled arrays: presentation x site, with all that is said of either, in netCDF-4."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from closedloop.access.columns import SITES
from closedloop.artifacts.layouts import Column
from closedloop.exchange.netcdf_files import netcdf_bytes
from closedloop.exchange.responses.gathered import PRESENTATION_COLUMNS, SITE_COLUMNS, StudyResponses, seeds_of

_SEED = "of the halves behind the sites' reliability in this session"
_OF_RECORDINGS = tuple(name for name, column in SITES.items() if column.dtype == "float64")


def netcdf_of(found: StudyResponses, *, attributes: Mapping[str, str | int | float]) -> bytes:
    """Return the file's content.

    ``responses`` is (presentation, site). What differs from session to session, a site's reliability, say, is
    (recording, site).

    Parameters
    ----------
    found
        The responses.
    attributes
        Of the whole.
    """
    presentations = {
        name: ("presentation", values, _said(PRESENTATION_COLUMNS[name]))
        for name, values in found.presentations.items()
    }
    sites = {
        "site": ("site", np.array(found.sites), _said(SITE_COLUMNS["neuroid_id"])),
        **{
            name: ("site", _of_sites(found, name), _said(SITE_COLUMNS[name]))
            for name in SITES
            if name not in _OF_RECORDINGS
        },
    }
    recordings = {
        "recording_day": ("recording", np.array([one.day for one in found.sessions])),
        "recording_session": ("recording", np.array([one.number for one in found.sessions])),
    }
    presentations["reliability_seed"] = ("presentation", seeds_of(found), {"long_name": _SEED})
    of_recordings = {
        name: (("recording", "site"), _by_recording(found, name), _said(SITE_COLUMNS[name])) for name in _OF_RECORDINGS
    }
    left_out = {
        f"left_out_of_{part}": (
            ("presentation", "site"),
            is_out,
            {"long_name": f"whether people left the response out of the {part}"},
        )
        for part, is_out in found.left_out.items()
    }
    responses = {
        "units": "spikes",
        "long_name": "spikes in the window; NaN where the presentation does not count for the site",
    }
    return netcdf_bytes(
        xr.Dataset(
            {
                "responses": (("presentation", "site"), found.counts, responses),
                **left_out,
                **of_recordings,
            },
            coords={**presentations, **sites, **recordings},
            attrs=dict(attributes),
        )
    )


def _said(column: Column) -> dict[str, str]:
    return {"long_name": column.meaning, **({"units": column.unit} if column.unit else {})}


def _rows(found: StudyResponses) -> dict[tuple[int, int, str], int]:
    """Return the row of each session and site in the table of electrodes."""
    keys = zip(*(found.electrodes[name].tolist() for name in ("day", "session", "neuroid_id")), strict=True)
    return {key: row for row, key in enumerate(keys)}


def _of_sites(found: StudyResponses, name: str) -> NDArray[np.generic]:
    """Return what is said of each site, as the last session that recorded it says."""
    last = {site: row for (_, _, site), row in _rows(found).items()}
    return np.asarray(found.electrodes[name][[last[site] for site in found.sites]])


def _by_recording(found: StudyResponses, name: str) -> NDArray[np.float64]:
    """Return what each session says of each site, (n_sessions, n_sites); NaN where it lacks the site."""
    rows, values = _rows(found), found.electrodes[name]
    return np.array(
        [
            [values[rows[key]] if (key := (one.day, one.number, site)) in rows else np.nan for site in found.sites]
            for one in found.sessions
        ]
    )
