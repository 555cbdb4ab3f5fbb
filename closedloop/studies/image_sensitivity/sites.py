"""The curves of all sites of a day and how sure their slopes are, as the study published them (Figure 3A)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from closedloop.access.study import Study
from closedloop.report.reading import SensitivityRow
from closedloop.report.single_images.marks import Mark, mark_of


@dataclass(frozen=True)
class SiteCurves:
    """A day's sites.

    Attributes
    ----------
    single, mean
        Rows of each site, and of their mean, by the paper's estimator.
    marks
        How sure each site's slope is.
    n_images
        Attacked images of a site, at most.
    """

    single: tuple[SensitivityRow, ...]
    mean: tuple[SensitivityRow, ...]
    marks: dict[str, Mark]
    n_images: int


def site_curves(study: Study, day: int) -> SiteCurves | None:
    """Return the curves of a day's sites, on the anchors where the study has them; None where they are not published.

    Parameters
    ----------
    study
        A study.
    day
        Which.
    """
    table = study.sensitivity()
    own = table[(table["day"] == day) & (table["estimate"] == "paper")]
    image_set = "anchors" if (own["image_set"] == "anchors").any() else "all"
    rows = [_row(values) for values in own[own["image_set"] == image_set].to_dict("records")]
    single = tuple(row for row in rows if row.site)
    if not single:
        return None
    return SiteCurves(
        single, tuple(row for row in rows if not row.site), _marks(study, day), max(row.n_images for row in single)
    )


def _row(values: dict[Any, Any]) -> SensitivityRow:
    return SensitivityRow(
        day=int(values["day"]),
        epsilon=float(values["epsilon"]),
        estimate=str(values["estimate"]),
        truth=False,
        image_set=str(values["image_set"]),
        site=str(values["site"]),
        mean=float(values["mean"]),
        standard_error=float(values["standard_error"]),
        n_images=int(values["n_images"]),
        n_sites=int(values["n_sites"]),
        interval_low=float(values["interval_low"]),
        interval_high=float(values["interval_high"]),
    )


def _marks(study: Study, day: int) -> dict[str, Mark]:
    """Return how sure each site's slope is; nothing of a day that an older version evaluated."""
    if day not in study.days_with_slopes:
        return {}
    table = study.slopes()
    own = table[(table["day"] == day) & (table["of"] == "site")]
    numbers = zip(own["name"], own["slope"], own["p"], own["p_corrected"], strict=True)
    return {str(name): mark_of(float(slope), float(p), float(corrected)) for name, slope, p, corrected in numbers}
