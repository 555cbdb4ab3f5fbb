"""Brain-Score's assembly of neuroids: presentation x neuroid x time_bin, coordinates flat, as netCDF-4.

Nothing of the images stands in it but their stimulus_id: Brain-Score joins the stimulus set to it. The array is called
data, as Brain-Score itself writes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from closedloop.access.recorded import NOT_THERE, RecordedSession, binned_counts
from closedloop.exchange.netcdf_files import netcdf_bytes
from closedloop.exchange.responses.gathered import StudyResponses, seeds_of

_FROM_MS, _BIN_MS = -100.0, 10.0  # what ingest knows to have been recorded before every onset that counts
_REGION = "IT"
_OF_PRESENTATIONS = ("stimulus_id", "repetition", "day", "session", "ordinal", "trial", "position", "onset_s")
_OF_NEUROIDS = ("electrode_id", "processor", "label", "row", "column", "site_index")
_AS_PRESENTED = {
    "presented_kind": "kind",
    "presented_role": "role",
    "image_index": "image_index",
    "left_out": "left_out",
}
"""Of a presentation, under names that no stimulus set has: an image may be shown in another role on another day."""


def bin_edges_ms(window_ms: tuple[float, float]) -> tuple[float, ...]:
    """Return the edges of bins of 10 ms from 100 ms before the onset to the end of the window, its start among them.

    Until then everything is known to have been recorded, wherever a presentation counts; later bins might be empty for
    another reason than silence. A window whose length is no multiple of 10 ms has a shorter last bin.

    Examples
    --------
    >>> bin_edges_ms((70.0, 165.0))[:2], bin_edges_ms((70.0, 165.0))[-3:]
    ((-100.0, -90.0), (150.0, 160.0, 165.0))
    """
    start, stop = window_ms
    before = [start - _BIN_MS * n for n in range(int((start - _FROM_MS) // _BIN_MS), 0, -1)]
    within = [start + _BIN_MS * n for n in range(int(np.ceil((stop - start) / _BIN_MS)))]
    return (*before, *within, stop)


def assembly_of(found: StudyResponses, *, attributes: Mapping[str, str | int | float]) -> tuple[bytes, int, int]:
    """Return the file's content, and how many presentations and neuroids are in it.

    Presentations that count for no site are left out; where one does not count for a site, its bins are NaN.

    Parameters
    ----------
    found
        The responses.
    attributes
        Of the assembly.
    """
    edges = bin_edges_ms(found.window_ms)
    sites = _sites_of_the_model(found.sessions)
    bins = np.concatenate([_binned(session, edges, sites) for session in found.sessions])
    shown = found.presentations["used"]
    assembly = xr.DataArray(
        bins[shown].astype(np.float32),
        dims=("presentation", "neuroid", "time_bin"),
        name="data",
        coords={
            **{name: ("presentation", found.presentations[name][shown]) for name in _OF_PRESENTATIONS},
            **{name: ("presentation", found.presentations[of][shown]) for name, of in _AS_PRESENTED.items()},
            "reliability_seed": ("presentation", seeds_of(found)[shown]),
            **_neuroids(found, sites),
            "time_bin_start": ("time_bin", np.array(edges[:-1])),
            "time_bin_end": ("time_bin", np.array(edges[1:])),
        },
        attrs=dict(attributes),
    )
    return netcdf_bytes(assembly.to_dataset(promote_attrs=True)), int(shown.sum()), len(sites)


def _sites_of_the_model(sessions: Sequence[RecordedSession]) -> tuple[str, ...]:
    """Return the neuroid_ids of the model's outputs in their order: other electrodes' spikes are in no file of ours."""
    of_output = {
        int(index): str(name)
        for session in sessions
        for index, name in zip(session.electrodes["site_index"], session.electrodes["neuroid_id"], strict=True)
        if index != NOT_THERE
    }
    return tuple(of_output[index] for index in sorted(of_output))


def _binned(session: RecordedSession, edges: Sequence[float], sites: Sequence[str]) -> NDArray[np.float64]:
    """Return a session's bins, (n_presentations, n_sites, n_bins); NaN of a site that it did not record."""
    found = binned_counts(session, edges)
    place = {str(name): number for number, name in enumerate(session.electrodes["neuroid_id"][: found.shape[1]])}
    whole = np.full((len(found), len(sites), found.shape[2]), np.nan)
    own = [number for number, name in enumerate(sites) if name in place]
    whole[:, own] = found[:, [place[sites[number]] for number in own]]
    return whole


def _neuroids(found: StudyResponses, sites: Sequence[str]) -> dict[str, tuple[str, NDArray[Any]]]:
    """Return what is said of each neuroid, as the last session that recorded it says."""
    electrodes = found.electrodes
    last = {str(name): row for row, name in enumerate(electrodes["neuroid_id"])}
    rows = [last[name] for name in sites]
    arrays = [name.rpartition("-")[0] for name in sites]
    return {
        "neuroid_id": ("neuroid", np.array(sites)),
        "region": ("neuroid", np.full(len(sites), _REGION)),
        "animal": ("neuroid", np.full(len(sites), found.sessions[0].study.subject)),
        "arr": ("neuroid", np.array(arrays)),
        **{name: ("neuroid", electrodes[name][rows]) for name in _OF_NEUROIDS},
        **_left_out(electrodes, sites),
    }


def _left_out(electrodes: Mapping[str, NDArray[Any]], sites: Sequence[str]) -> dict[str, tuple[str, NDArray[Any]]]:
    """Return where people left a site out of the study's fit or evaluation, by day; nothing where they did not."""
    rows = zip(*(electrodes[name].tolist() for name in ("neuroid_id", "day", "session", "left_out")), strict=True)
    said = dict[str, list[str]]()
    for name, day, session, words in rows:
        if words:
            said.setdefault(name, []).append(f"day {day}, session {session}: {words}")
    marks = np.array(["; ".join(said.get(name, ())) for name in sites])
    return {"neuroid_left_out": ("neuroid", marks)} if (marks != "").any() else {}
