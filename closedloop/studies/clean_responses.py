"""Responses to the clean images of a study's days, on one scale: from its published files alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.access.study import Study
from closedloop.analysis.reliability import mean_response
from closedloop.errors import StudyError

Floats = NDArray[np.float64]

EVALUATED = ("clean", "anchor", "normalizer")
"""Roles of clean images that are shown more than once; `single` ones are shown once."""


@dataclass(frozen=True)
class CleanResponses:
    """Clean images, and every presentation of them that counts.

    Attributes
    ----------
    image_ids, categories
        Of each image, in the order in which they were first shown, (n_images,).
    stimulus_ids
        Content hashes, by which `Study.image` returns the pixels, (n_images,).
    sites
        neuroid_id, (n_sites,).
    rates_hz
        Of each presentation, on the scale of one of the days, (n_presentations, n_sites); NaN where it does not
        count for a site.
    image_index
        Which image each presentation shows, (n_presentations,).
    day
        When, (n_presentations,).
    """

    image_ids: tuple[str, ...]
    categories: tuple[str, ...]
    stimulus_ids: tuple[str, ...]
    sites: tuple[str, ...]
    rates_hz: Floats
    image_index: NDArray[np.int64]
    day: NDArray[np.int64]

    def means_hz(self) -> Floats:
        """Return each image's mean over its presentations, (n_images, n_sites)."""
        return mean_response(self.rates_hz, self.image_index, n_images=len(self.image_ids))


def clean_responses(
    study: Study,
    days: Collection[int] | None = None,
    *,
    roles: Collection[str] = EVALUATED,
    scale_of: int | None = None,
) -> CleanResponses:
    """Gather the clean images of several days.

    A site's gain and baseline drift from day to day. Each day's rates are brought to the scale of one of the days, the
    first unless another is named, by the images that both showed (anchors and normalizers): the line that maps this
    day's mean and SD over them to that day's. Where two days share fewer than three images, the rates stay as they are.

    Parameters
    ----------
    study
        A study.
    days
        Which; all that are ingested, if None.
    roles
        Which clean images.
    scale_of
        Which day's scale all are brought to; the first one's, if None.

    Raises
    ------
    StudyError
        No day is ingested, or none has such an image.
    """
    shown = study.presentations()
    rates = study.responses()
    known = sorted(set(shown.index.get_level_values("day").tolist()))
    wanted = known if days is None else [day for day in known if day in days]
    keep = (
        (shown["kind"] == "clean") & shown["used"] & shown["role"].isin(list(roles))
    ).to_numpy() & shown.index.get_level_values("day").isin(wanted)
    if not keep.any():
        raise StudyError(f"{study.path}: expected clean images of {' or '.join(roles)}, found none on days {wanted}.")
    table, values = shown[keep], rates[keep].to_numpy(dtype=np.float64)
    first = table.drop_duplicates("image_id")
    place = {image_id: row for row, image_id in enumerate(first["image_id"])}
    index = np.array([place[image_id] for image_id in table["image_id"]], dtype=np.int64)
    day = table.index.get_level_values("day").to_numpy(dtype=np.int64)
    return CleanResponses(
        image_ids=tuple(first["image_id"]),
        categories=tuple(first["category"]),
        stimulus_ids=tuple(first["stimulus_id"]),
        sites=tuple(rates.columns),
        rates_hz=_on_one_scale(values, index, day, first=scale_of),
        image_index=index,
        day=day,
    )


def _on_one_scale(rates: Floats, index: NDArray[np.int64], day: NDArray[np.int64], *, first: int | None) -> Floats:
    scaled, days = rates.copy(), sorted(set(day.tolist()), key=lambda one: (one != first, one))
    n_images = int(index.max()) + 1
    means = {one: mean_response(rates[day == one], index[day == one], n_images=n_images) for one in days}
    reference = means[days[0]]
    for one in days[1:]:
        for site in range(rates.shape[1]):
            both = np.isfinite(reference[:, site]) & np.isfinite(means[one][:, site])
            if both.sum() < _LEAST_SHARED:
                continue
            here, there = means[one][both, site], reference[both, site]
            gain = there.std() / here.std() if here.std() > 0 else 1.0
            scaled[day == one, site] = (rates[day == one, site] - here.mean()) * gain + there.mean()
    return scaled


_LEAST_SHARED = 3
