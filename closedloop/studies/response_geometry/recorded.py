"""The planes that a study recorded, from its published files alone: curvatures, and the responses they are from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.access.counted import counted_responses
from closedloop.access.sessions import each_session
from closedloop.access.study import Study
from closedloop.analysis.reliability import mean_response
from closedloop.analysis.slopes import holm
from closedloop.artifacts.tables import Columns, as_arrays
from closedloop.studies.response_geometry.documents import RECORDED_PLANES

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ShownPlane:
    """One site's mean responses over its plane.

    Attributes
    ----------
    day, neuroid_id, image_id
        Whose plane, around which image.
    along, across
        Where each image lies, in epsilon, (n_images,), the clean one first.
    beside
        How far beside the plane, likewise.
    response
        Mean rate minus the clean image's, in sigma; NaN where none counts, of all where none of the clean image's does,
        (n_images,).
    predicted
        The model's prediction minus that of the clean image, z, sealed, (n_images,).
    """

    day: int
    neuroid_id: str
    image_id: str
    along: Floats
    across: Floats
    beside: Floats
    response: Floats
    predicted: Floats


def recorded_planes(study: Study, *, truth: bool) -> Columns:
    """Return the table of a study's planes, of all its sessions; no row where it shows none.

    Parameters
    ----------
    study
        A study.
    truth
        Also what the hidden cortex of a simulation says.
    """
    table = study.planes(truth=truth)
    if not len(table):
        return no_planes()
    columns: Columns = {
        name: table[name].to_numpy() if name in table else np.full(len(table), np.nan)
        for name in RECORDED_PLANES.columns
        if name not in _COMPUTED
    }
    columns["foretold_edge"] = np.asarray(columns["predicted_edge"], dtype=np.float64) * _sigma_of_z(
        study, columns["day"], columns["neuroid_id"]
    )
    p = np.asarray(columns["p"], dtype=np.float64)
    columns["p_corrected"] = holm(p)
    return {name: columns[name] for name in RECORDED_PLANES.columns}


def _sigma_of_z(study: Study, days: NDArray[Any], names: NDArray[Any]) -> Floats:
    """Return how many sigma a z of each plane's site is; NaN where no evaluation has it."""
    found: dict[tuple[int, str], float] = {}
    for day, seen in each_session(study):
        evaluation = seen.evaluation(day)
        for name, sd_hz in evaluation.z_sd_hz.items():
            sigma_hz = evaluation.sigma_hz.get(name)
            if sd_hz and sigma_hz:
                found[day, name] = sd_hz / sigma_hz
    of_planes = zip(days.tolist(), names.tolist(), strict=True)
    return np.array([found.get(place, np.nan) for place in of_planes], dtype=np.float64)


def bending_planes(planes: Columns) -> tuple[int, int]:
    """Return how many planes bend, p below .05 after Holm, and how many of these the way that the model foretold."""
    sure = planes["p_corrected"] < _LEVEL
    agree = np.sign(planes["edge"]) == np.sign(planes["predicted_edge"])
    return int(sure.sum()), int((sure & agree).sum())


def no_planes() -> Columns:
    """Return the table without a row."""
    return as_arrays([], RECORDED_PLANES)


def shown_planes(study: Study) -> tuple[ShownPlane, ...]:
    """Return the mean responses over every plane of a study, in the order of `recorded_planes`."""
    return tuple(plane for day, seen in each_session(study) for plane in _of_session(seen, day))


def _of_session(seen: Study, day: int) -> list[ShownPlane]:
    places = seen.plane_places(day)
    if not len(places):
        return []
    stimuli, (shown, rates) = seen.stimuli(day), counted_responses(seen, day)
    used = shown["used"].to_numpy(dtype=bool)
    index = shown["image_index"].to_numpy(dtype=np.int64)[used]
    means = mean_response(rates.to_numpy(dtype=np.float64)[used], index, n_images=int(stimuli.index.max()) + 1)
    names = {int(row): str(name) for name, row in seen.sites(day)["site_index"].dropna().items()}
    sigma_hz, sites = seen.evaluation(day).sigma_hz, list(rates.columns)
    found = []
    for _, own in places.groupby("plane"):
        rows = own["image_index"].to_numpy(dtype=np.int64)
        changed = stimuli.loc[rows[1:]]
        name = names.get(int(changed["site_index"].iloc[0]), "")
        scale = sigma_hz.get(name)
        if scale is None:
            continue  # its electrode is no longer recorded
        response = means[rows, sites.index(name)] / scale
        before = changed["predicted_clean"].to_numpy(dtype=np.float64)
        predicted = np.r_[0.0, changed["predicted_attacked"].to_numpy(dtype=np.float64) - before]
        found.append(
            ShownPlane(
                day=day,
                neuroid_id=name,
                image_id=str(changed["image_id"].iloc[0]),
                along=own["shown_along"].to_numpy(dtype=np.float64),
                across=own["shown_across"].to_numpy(dtype=np.float64),
                beside=own["off_plane"].to_numpy(dtype=np.float64),
                response=response - response[0],
                predicted=predicted,
            )
        )
    return found


_LEVEL = 0.05
_COMPUTED = ("p_corrected", "foretold_edge")
