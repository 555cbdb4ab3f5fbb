"""What clean images say of the category that a site prefers, and of the one it likes least: rows and their table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from closedloop.analysis.categories.preferred import PreferredLevel
from closedloop.artifacts.layouts import Column
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, percent, rate

CATEGORY_COLUMNS: Mapping[str, Column] = {
    "preferred": Column("string", "", "category of the largest mean response; empty where there is none"),
    "preferred_share": Column("float64", "", "how often one half of the images chose it"),
    "preferred_agreement": Column("float64", "", "how often both halves chose the same one"),
    "preferred_hz": Column("float64", "Hz", "response to new images of the category that a half chooses"),
    "preferred_low_hz": Column("float64", "Hz", "95 % bootstrap interval over images"),
    "preferred_high_hz": Column("float64", "Hz", "its other end"),
    "largest_mean_hz": Column("float64", "Hz", "the largest mean itself: biased upward, for comparison"),
    "n_preferred_images": Column("int32", "", "clean images of that category"),
    "least": Column("string", "", "category of the smallest mean response"),
    "least_agreement": Column("float64", "", "how often both halves chose the same one"),
    "least_hz": Column("float64", "Hz", "response to new images of the category that a half chooses as least"),
    "least_low_hz": Column("float64", "Hz", "95 % bootstrap interval over images"),
    "least_high_hz": Column("float64", "Hz", "its other end"),
    "smallest_mean_hz": Column("float64", "Hz", "the smallest mean itself: biased downward"),
}
"""Of a site; in Hz where responses are."""


def category_name(names: NDArray[Any], category: int) -> str:
    """Return the name of a category; empty where there is none."""
    return str(names[category]) if category >= 0 else ""


def categories_row(place: int, names: NDArray[Any], *, best: PreferredLevel, least: PreferredLevel) -> dict[str, Any]:
    """Return `CATEGORY_COLUMNS` of a site; of the least preferred category the signs are turned back.

    Parameters
    ----------
    place
        The site's.
    names
        Of the categories.
    best, least
        Of the responses, and of the responses with their sign turned.
    """
    return {
        "preferred": category_name(names, best.category[place]),
        "preferred_share": best.share[place],
        "preferred_agreement": best.agreement[place],
        "preferred_hz": best.level[place],
        "preferred_low_hz": best.low[place],
        "preferred_high_hz": best.high[place],
        "largest_mean_hz": best.naive[place],
        "n_preferred_images": int(best.n_images[place]),
        "least": category_name(names, least.category[place]),
        "least_agreement": least.agreement[place],
        "least_hz": -least.level[place],
        "least_low_hz": -least.high[place],
        "least_high_hz": -least.low[place],
        "smallest_mean_hz": -least.naive[place],
    }


def preferences_table(sites: Sequence[str], rows: Sequence[Mapping[str, Any]], *, unit: str, over: str) -> Table:
    """Return the table of a page.

    Parameters
    ----------
    sites
        Their names.
    rows
        Of each, `CATEGORY_COLUMNS`.
    unit
        Of the responses; empty where unknown.
    over
        Which images, for the caption.
    """
    of_unit = f" ({unit})" if unit else ""
    return Table(
        columns=(
            *("", "preferred", f"level{of_unit}", f"largest mean{of_unit}", "agreement"),
            *("least preferred", f"level{of_unit}", f"smallest mean{of_unit}", "agreement"),
        ),
        rows=tuple(
            (
                site,
                row["preferred"] or DASH,
                with_interval(row, "preferred_hz", "preferred_low_hz", "preferred_high_hz"),
                rate(row["largest_mean_hz"]),
                percent(row["preferred_agreement"]),
                row["least"] or DASH,
                with_interval(row, "least_hz", "least_low_hz", "least_high_hz"),
                rate(row["smallest_mean_hz"]),
                percent(row["least_agreement"]),
            )
            for site, row in zip(sites, rows, strict=True)
        ),
        caption=f"Over {over}. Level: cross-validated, with its 95 % interval over images; that "
        "of the least preferred level is short (it holds the truth in 87 to 92 % of simulated cases). "
        "Agreement: how often both halves of the images chose the same category.",
    )


def with_interval(row: Mapping[str, Any], mean: str, low: str, high: str) -> str:
    """Return a rate with its interval in brackets.

    Parameters
    ----------
    row
        Of a table.
    mean, low, high
        Its columns.
    """
    if not math.isfinite(row[mean]):
        return DASH
    return rate(row[mean]) + (f" [{rate(row[low])}, {rate(row[high])}]" if math.isfinite(row[low]) else "")
