"""The section of pages on single sites and images: Figure 3B, a table by site, and what the paper says of both."""

from __future__ import annotations

from closedloop.artifacts.tables import Columns
from closedloop.report.layout import PageSection, Plate, plate
from closedloop.report.quoted import Origin, QuotedNumber, quoted_table
from closedloop.report.reading import DayRecord
from closedloop.report.single_images.figures import DRAWN, figure_3b
from closedloop.report.single_images.marks import Mark, marks_of_sites
from closedloop.report.single_images.numbers import SiteImages, images_by_site, typical_site
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, count, number, percent, plus_minus, span

_WIDE_PX = 640
_SITES = "each has a significantly positive slope between ε = 1 to 10 (Figure 3A)"
_IMAGES = (
    "while the sensitivity curves for individual images varied, we found that most had significantly positive slopes "
    "measured between ε = 1 to 10"
)


def single_images_of_day(day: DayRecord, *, origin: Origin) -> PageSection | None:
    """Show the images that a day showed many times for a few sites; None of a day that shows none.

    Parameters
    ----------
    day
        The day.
    origin
        Of its numbers.
    """
    if day.image_curves is None:
        return None
    sites = images_by_site(day.image_curves)
    return PageSection(
        f"single-images-{day.day}",
        f"Single images: day {day.day}",
        "Images that a few sites share, each attacked for each of these sites and shown many times, so that the "
        "curve of a single image is known. They count in no other number of this page.",
        wide=(image_plate(day.image_curves, sites),),
        tables=(
            image_table(sites),
            quoted_table(
                [
                    *quoted_slopes_of_sites(marks_of_sites(day.slopes), origin=origin),
                    *quoted_images(sites, origin=origin),
                ],
                caption=f"Of day {day.day}.",
            ),
        ),
    )


def image_plate(curves: Columns, sites: tuple[SiteImages, ...]) -> Plate:
    """Return Figure 3B of the most typical site.

    Parameters
    ----------
    curves
        Columns of `day.evaluation.IMAGE_CURVES`.
    sites
        What they say of each site.
    """
    one = typical_site(sites)
    n = len(one.marks)
    drawn = f"for visibility, {DRAWN} of {n} randomly selected" if n > DRAWN else f"all {n}"
    return plate(
        figure_3b(curves, (one,)),
        "Image by image",
        least_width_px=_WIDE_PX,
        caption=f"As the paper's Figure 3B: site {one.neuroid_id}, the one of {len(sites)} with the median slope. "
        f"Light: single images ({drawn}), {one.n_changed} showings of each attacked image and {one.n_clean} of each "
        "clean one, by the sealed sign, which noise can push below zero. Dark: mean over all its images, with the 95 % "
        f"interval over images. {said_of_images(one)}",
    )


def said_of_images(site: SiteImages) -> str:
    """Return in a sentence how many of a site's images have a sure slope, and how the lines say so."""
    if not site.n_images:
        return "No slope could be tested: an image was shown once."
    return (
        f"{site.n_positive} of {site.n_images} images have a significantly positive slope (p < .05), "
        f"{site.n_positive_corrected} after correction for their number (Holm): solid lines; before it alone: dashed; "
        "neither: dotted."
    )


def image_table(sites: tuple[SiteImages, ...]) -> Table:
    """Return a row a site."""
    return Table(
        columns=(
            "",
            "images (n)",
            "showings, clean / attacked",
            "mean slope (σ for 1 ε)",
            "slopes above zero",
            "significantly positive",
            "after Holm",
            "true SD of slopes",
            "95 % interval",
            "true part of their variance",
        ),
        rows=tuple(
            (
                one.neuroid_id,
                count(len(one.marks)),
                f"{one.n_clean} / {one.n_changed}",
                plus_minus(one.slope, one.standard_error),
                f"{one.n_above}",
                f"{one.n_positive} of {one.n_images}",
                f"{one.n_positive_corrected}",
                number(one.spread.sd) if one.spread.sd > 0 else DASH,
                span(one.spread.interval),
                percent(max(one.spread.share, 0.0)),
            )
            for one in sites
        ),
        caption="Slope: least squares through the image's changes over ε, by the sealed sign; mean ± SE over images. "
        "Each image's is tested two-sided against the noise of its own repetitions. True SD: what the slopes vary by "
        "over images, without what their noise makes them vary; 95 % interval over images.",
    )


def quoted_slopes_of_sites(marks: dict[str, Mark], *, origin: Origin) -> list[QuotedNumber]:
    """Return how many sites have a sure slope, beside the paper's sentence; nothing where none was tested.

    Parameters
    ----------
    marks
        By site.
    origin
        Of the data.
    """
    tested = [mark for mark in marks.values() if mark != "untested"]
    if not tested:
        return []
    found = f"{sum(mark != 'no' for mark in tested)} of {len(tested)}; {tested.count('corrected')} after Holm"
    return [QuotedNumber("sites with a significantly positive slope", found, origin, "each of 21", _SITES, "section 2")]


def quoted_images(sites: tuple[SiteImages, ...], *, origin: Origin) -> list[QuotedNumber]:
    """Return how many images have a sure slope, site by site, beside the paper's sentence.

    Parameters
    ----------
    sites
        Their images.
    origin
        Of the data.
    """
    found = [
        f"{one.neuroid_id}: {one.n_positive} of {one.n_images}, {one.n_positive_corrected} after Holm"
        for one in sites
        if one.n_images
    ]
    if not found:
        return []
    what = "images with a significantly positive slope"
    return [QuotedNumber(what, "; ".join(found), origin, "most of 100", _IMAGES, "section 2")]
