"""Responses to the clean images of a study's days, on one scale: from its published files alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.access.counted import counted_responses
from closedloop.access.sessions import each_session
from closedloop.access.study import Study
from closedloop.analysis.normalizers import LEAST_SHARED, on_one_scale
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
    unscaled_days
        Days at which some site shares too few images with the day whose scale it is: there its rates are as recorded.
    """

    image_ids: tuple[str, ...]
    categories: tuple[str, ...]
    stimulus_ids: tuple[str, ...]
    sites: tuple[str, ...]
    rates_hz: Floats
    image_index: NDArray[np.int64]
    day: NDArray[np.int64]
    unscaled_days: tuple[int, ...] = ()

    @property
    def unscaled(self) -> str:
        """Say in a sentence which days' rates are as recorded; empty where all are on one scale."""
        if not self.unscaled_days:
            return ""
        days = ", ".join(map(str, self.unscaled_days))
        return (
            f"Days {days}: fewer than {LEAST_SHARED} of their images were shown on the day whose scale it is; drift "
            "between the days is in the rates."
        )

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
    """Gather the clean images of several days, of all of their sessions, without what people left out.

    Left out of the evaluation, that is (``closedloop exclude``). A site's gain and baseline drift from day to day. Each
    day's rates are brought to the scale of one of the days, the first unless another is named, by the images that both
    showed (anchors and normalizers): the line that maps this day's mean and SD over them to that day's. Where two days
    share fewer than three images, the rates stay as they are, and the day is told (`CleanResponses.unscaled_days`).

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
    parts = [_part(seen, day, roles) for day, seen in each_session(study) if days is None or day in days]
    if not any(len(part.rates_hz) for part in parts):
        recorded = ", ".join(map(str, study.sessions)) or "none"
        raise StudyError(
            f"{study.path}: expected clean images ({', '.join(roles)}), found none in the recorded sessions "
            f"({recorded}). Record a day, or name another study."
        )
    names, first, index = np.unique(
        np.concatenate([part.images["image_id"] for part in parts]), return_index=True, return_inverse=True
    )
    order = np.argsort(first)  # as they were first shown
    of_image = {name: np.concatenate([part.images[name] for part in parts])[first[order]] for name in _OF_IMAGE}
    image_index = np.argsort(order)[index.reshape(-1)]
    day = np.concatenate([part.day for part in parts])
    rates_hz, unscaled = on_one_scale(
        np.concatenate([part.rates_hz for part in parts]), image_index, day, first=scale_of, n_images=len(names)
    )
    return CleanResponses(
        image_ids=tuple(map(str, of_image["image_id"])),
        categories=tuple(map(str, of_image["category"])),
        stimulus_ids=tuple(map(str, of_image["stimulus_id"])),
        sites=parts[0].sites,
        rates_hz=rates_hz,
        image_index=image_index,
        day=day,
        unscaled_days=unscaled,
    )


@dataclass(frozen=True)
class _CleanPart:
    """A session's presentations of clean images that count."""

    sites: tuple[str, ...]
    images: dict[str, NDArray[np.str_]]
    rates_hz: Floats
    day: NDArray[np.int64]


def _part(seen: Study, day: int, roles: Collection[str]) -> _CleanPart:
    shown, rates = counted_responses(seen, day)
    keep = ((shown["kind"] == "clean") & shown["used"] & shown["role"].isin(list(roles))).to_numpy(dtype=bool)
    return _CleanPart(
        tuple(rates.columns),
        {name: shown[name].to_numpy(dtype=np.str_)[keep] for name in _OF_IMAGE},
        rates.to_numpy(dtype=np.float64)[keep],
        np.full(int(keep.sum()), day, dtype=np.int64),
    )


_OF_IMAGE = ("image_id", "category", "stimulus_id")
