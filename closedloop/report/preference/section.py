"""Figure 2C on a day's page, with a caption that says what is shown, and its numbers beside the paper's."""

from __future__ import annotations

import numpy as np

from closedloop.report.layout import Plate, plate
from closedloop.report.preference.driven import DrivenRates, LevelSource, driven_rates
from closedloop.report.preference.figures import rates
from closedloop.report.quoted import QuotedNumber, origin_of, quoted_table
from closedloop.report.reading import DayRecord
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, number

_WIDE_PX = 640
_IMAGES = {
    True: "images of the categories that each site liked least on the days before",
    False: "images of any category that were to raise their site at every ε, not of least preferred ones as in the "
    "paper",
}
LEVELS: dict[LevelSource, str] = {
    "fresh": "response to fresh images of the category that each site preferred on the days before, which did not "
    "choose it",
    "cross_validated": "response to each site's most preferred category of the day, chosen by one half of its clean "
    "images and averaged over the other",
    "largest_mean": "response to each site's most preferred category, the best of many noisy means, so that its level "
    "is biased upward",
}


def rate_plates(day: DayRecord) -> tuple[Plate, ...]:
    """Return Figure 2C of a day; nothing where no attack was to raise a site."""
    driven = _driven(day)
    if driven is None:
        return ()
    caption = (
        f"As the paper's Figure 2C, over {_IMAGES[driven.of_least]}: {int(driven.n_images.sum())} images of "
        f"{len(driven.sites)} sites, the same at every ε ({driven.n_pairs:,} of the {driven.n_raised:,} attacks that "
        "were to raise a rate). Right: the rise of each attacked image over its own clean twin. Light: single sites. "
        f"Dark: mean over sites, with 95 % intervals over sites. Red: {LEVELS[driven.source]}; mean ± SD over sites; "
        f"{_where(driven)}."
    )
    title = "Rates against the preferred category"
    return (plate(rates(driven), title, least_width_px=_WIDE_PX, caption=caption),)


def preference_tables(day: DayRecord, *, simulated: bool) -> tuple[Table, ...]:
    """Return the numbers of Figure 2C beside the paper's; nothing where there is no such figure."""
    driven = _driven(day)
    if driven is None:
        return ()
    caption = f"Figure 2C beside the paper's, over {_IMAGES[driven.of_least]}. ± SD over sites."
    return (quoted_table(preference_numbers(driven, simulated=simulated), caption=caption),)


def preference_numbers(driven: DrivenRates, *, simulated: bool) -> list[QuotedNumber]:
    """Return the numbers of Figure 2C beside the paper's.

    Parameters
    ----------
    driven
        What was found.
    simulated
        Whether of a simulated animal.
    """
    origin, largest = origin_of(simulated=simulated), driven.epsilons[-1]
    return [
        QuotedNumber(
            "ε at which a site reaches its preferred level",
            reached_words(driven),
            origin,
            "4.0 ± 1.6",
            "Adversarial perturbations on non-preferred images (in blue) are able to drive firing rates past that of "
            "naturally occurring preferred images (red dashed line, mean ± s.d.) at ε=4.0±1.6 (2.5 for the sample "
            "site)",
            "Figure 2",
        ),
        QuotedNumber(
            f"rate at ε = {largest:g} (Hz)",
            with_sd(driven.rates_hz[:, -1]),
            origin,
            "310 ± 60 at ε = 10",
            "we can drive the IT multi-unit site response to 310±60 Hz on average (n=17), effectively turning "
            "arbitrary non-preferred images into “superstimuli”",
            "section 2",
        ),
        QuotedNumber(
            "rate to preferred images (Hz)",
            with_sd(driven.preferred_hz),
            origin,
            "216 ± 60",
            "This exceeds the average response of these neurons to their ‘most-preferred’ image categories (216±60 Hz)",
            "section 2",
        ),
        QuotedNumber(
            "sites",
            str(len(driven.sites)),
            origin,
            "17",
            "individual sites in light blue, average in dark blue n=17",
            "Figure 2",
        ),
    ]


def reached_words(driven: DrivenRates) -> str:
    """Return mean and SD of the sites that reach their level, and how many never do."""
    reached = driven.reached
    never = f"{reached.n_sites - reached.n_reached} of {reached.n_sites} sites never by {driven.epsilons[-1]:g}"
    if not reached.n_reached:
        return never
    sd = f" ± {number(reached.sd)}" if reached.n_reached > 1 else ""
    return f"{number(reached.mean)}{sd} of {reached.n_reached} sites; {never}"


def with_sd(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    """Return a mean with its SD over sites."""
    if not len(values):
        return DASH
    sd = f" ± {number(float(values.std(ddof=1)))}" if len(values) > 1 else ""
    return f"{number(float(values.mean()))}{sd}"


def _where(driven: DrivenRates) -> str:
    reached = driven.reached
    said = f"{reached.n_reached} of {reached.n_sites} sites reach it"
    if not reached.n_reached:
        return said
    sd = f" ± {number(reached.sd)} (SD)" if reached.n_reached > 1 else ""
    return f"{said}, at ε = {number(reached.mean)}{sd}"


def _driven(day: DayRecord) -> DrivenRates | None:
    if day.pairs is None or day.evaluation is None:
        return None
    return driven_rates(day.pairs, day.evaluation)
