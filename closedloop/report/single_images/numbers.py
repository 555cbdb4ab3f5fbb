"""The single images of each site in numbers: how many have a slope above zero, and how much their slopes differ."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from closedloop.analysis.intervals import student_p
from closedloop.analysis.single_images.spread import TrueSpread, true_spread
from closedloop.artifacts.tables import Columns
from closedloop.report.single_images.marks import Mark, mark_of


@dataclass(frozen=True)
class SiteImages:
    """One site's images.

    Attributes
    ----------
    neuroid_id
        The site.
    marks
        How sure each image's slope is, by the image's name.
    n_above
        Images whose slope is above zero, sure or not.
    n_clean, n_changed
        Showings of a clean and of an attacked image, medians.
    slope, standard_error, p
        Mean over images, in sigma for a unit of epsilon, with the error over images; two-sided p of none.
    spread
        Of the true slopes over images.
    """

    neuroid_id: str
    marks: dict[str, Mark]
    n_above: int
    n_clean: int
    n_changed: int
    slope: float
    standard_error: float
    p: float
    spread: TrueSpread

    @property
    def n_images(self) -> int:
        """Images with a slope that has an error."""
        return sum(mark != "untested" for mark in self.marks.values())

    @property
    def n_positive(self) -> int:
        """Images whose slope is significantly positive by itself."""
        return sum(mark in ("corrected", "single") for mark in self.marks.values())

    @property
    def n_positive_corrected(self) -> int:
        """And after correction for the number of images."""
        return sum(mark == "corrected" for mark in self.marks.values())


def images_by_site(curves: Columns) -> tuple[SiteImages, ...]:
    """Return what a table of single images says of each site, in the order of the table.

    Parameters
    ----------
    curves
        Columns of `day.evaluation.IMAGE_CURVES`.
    """
    return tuple(_of_site(curves, site) for site in dict.fromkeys(curves["neuroid_id"].tolist()))


def typical_site(sites: tuple[SiteImages, ...]) -> SiteImages:
    """Return the site of the median mean slope; of an even number the lower of the two in the middle."""
    ordered = sorted(sites, key=lambda one: (one.slope, one.neuroid_id))
    return ordered[(len(ordered) - 1) // 2]


def _of_site(curves: Columns, site: str) -> SiteImages:
    own = curves["neuroid_id"] == site
    _, first = np.unique(curves["image_id"][own], return_index=True)
    rows = np.flatnonzero(own)[first]  # a slope stands in the row of each epsilon
    slope, p, corrected = (curves[name][rows].astype(np.float64) for name in ("slope", "p", "p_corrected"))
    known = slope[np.isfinite(slope)]
    n, mean = len(known), float(known.mean()) if len(known) else math.nan
    error = float(known.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan
    return SiteImages(
        neuroid_id=site,
        marks={
            str(name): mark_of(*numbers)
            for name, *numbers in zip(
                curves["image_id"][rows], slope.tolist(), p.tolist(), corrected.tolist(), strict=True
            )
        },
        n_above=int((known > 0).sum()),
        n_clean=int(np.median(curves["n_clean"][own])),
        n_changed=int(np.median(curves["n_changed"][own])),
        slope=mean,
        standard_error=error,
        p=student_p(mean / error, n - 1) if error > 0 else math.nan,
        spread=true_spread(slope, curves["slope_error"][rows].astype(np.float64) ** 2),
    )
