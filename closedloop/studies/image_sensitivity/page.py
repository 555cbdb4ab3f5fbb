"""The page of the study: sites, images, what the tests do without an effect, and the paper's sentences."""

from __future__ import annotations

import numpy as np

from closedloop.artifacts.tables import Columns
from closedloop.report import curves as site_figures
from closedloop.report import drawing
from closedloop.report.layout import Card, Page, PageSection, Plate, plate, render
from closedloop.report.quoted import origin_of, quoted_table
from closedloop.report.single_images.figures import figure_3b
from closedloop.report.single_images.marks import said_of_marks
from closedloop.report.single_images.numbers import SiteImages, images_by_site, typical_site
from closedloop.report.single_images.section import (
    image_plate,
    image_table,
    quoted_images,
    quoted_slopes_of_sites,
)
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, count, number, percent
from closedloop.studies.image_sensitivity.documents import ImageSensitivityStudy
from closedloop.studies.image_sensitivity.sites import SiteCurves

_WIDE_PX = 640
_MANY = 6  # repetitions: of fewer a single image's curve is mostly noise
_MOST_PANELS = 3
_SAID_OF_SHAMS = {"any": "p < .05, either way", "positive": "p < .05 and above zero", "corrected": "any positive, Holm"}


def images_page(
    document: ImageSensitivityStudy,
    curves: Columns,
    shams: Columns | None,
    truth: Columns | None,
    sites: SiteCurves | None,
    *,
    command: str,
) -> bytes:
    """Return the page as one HTML file that needs nothing else.

    Parameters
    ----------
    document
        What was analysed.
    curves, shams, truth
        Tables ``IMAGE_CURVES``, ``SHAM_ALARMS`` and ``TRUE_SLOPES``; None where they were not asked for.
    sites
        All sites of the day; None where the study has none.
    command
        The command line that the page shows.
    """
    found = images_by_site(curves)
    with drawing.style():
        sections = (
            PageSection("headline", "In short", cards=_cards(found, sites)),
            _quoted(document, found, sites),
            *([_sites(document, sites)] if sites else []),
            _images(curves, found),
            *([_shams(shams)] if shams is not None else []),
            *([_truth(truth, found)] if truth is not None else []),
        )
    return render(
        Page(
            title="Sensitivity of single images",
            subtitle="Whether every site, and every image, can be moved the further the larger the perturbation: "
            "section 2 and Figure 3.",
            facts=_facts(document, found),
            command=command,
            simulated=document.simulated,
            notices=tuple(_notices(document, found)),
            links=(),
            sections=sections,
        )
    )


def _cards(found: tuple[SiteImages, ...], sites: SiteCurves | None) -> tuple[Card, ...]:
    cards = []
    if sites and (tested := [mark for mark in sites.marks.values() if mark != "untested"]):
        sure = sum(mark != "no" for mark in tested)
        note = f"with a significantly positive slope; {tested.count('corrected')} after Holm over sites"
        cards.append(Card("Sites", f"{sure} of {len(tested)}", note))
    tested_images = sum(one.n_images for one in found)
    if tested_images:
        sure, corrected = sum(one.n_positive for one in found), sum(one.n_positive_corrected for one in found)
        note = f"at {len(found)} sites with a significantly positive slope; {corrected} after Holm over each site's"
        cards.append(Card("Images", f"{sure} of {tested_images}", note))
    one = typical_site(found)
    spread = (
        f"true SD over images {number(one.spread.sd)}" if one.spread.is_measurable else "images differ by noise alone"
    )
    cards.append(Card(f"Typical site, {one.neuroid_id}", f"{number(one.slope)} σ for 1 ε", f"mean slope; {spread}"))
    return tuple(cards)


def _quoted(document: ImageSensitivityStudy, found: tuple[SiteImages, ...], sites: SiteCurves | None) -> PageSection:
    origin = origin_of(simulated=document.simulated)
    shown = found if len(found) <= _MOST_PANELS else (typical_site(found),)
    of_sites = quoted_slopes_of_sites(sites.marks, origin=origin) if sites else []
    caption = "Slopes are of s(ε) by the sealed sign, tested two-sided."
    if len(found) > _MOST_PANELS:
        caption += " Images of the site with the median slope; all sites stand below."
    table = quoted_table([*of_sites, *quoted_images(shown, origin=origin)], caption=caption)
    return PageSection("quoted", "Beside the paper's numbers", tables=(table,))


def _sites(document: ImageSensitivityStudy, sites: SiteCurves) -> PageSection:
    figure = plate(
        site_figures.sites(sites.single, mean=sites.mean, marks=sites.marks),
        "Site by site",
        least_width_px=_WIDE_PX,
        caption=f"As the paper's Figure 3A, day {document.day}. Light: single sites by the paper's estimator, over "
        f"at most {sites.n_images} images each, which noise can push below zero. Dark: their mean, with its 95 % "
        f"interval by image. {said_of_marks(sites.marks, of='sites')}",
    )
    return PageSection("sites", "Sites", wide=(figure,))


def _images(curves: Columns, found: tuple[SiteImages, ...]) -> PageSection:
    return PageSection(
        "images",
        "Images",
        wide=(image_plate(curves, found), *_others(curves, found)),
        tables=(image_table(found),),
    )


def _others(curves: Columns, found: tuple[SiteImages, ...]) -> tuple[Plate, ...]:
    if not 1 < len(found) <= _MOST_PANELS:
        return ()
    return (
        plate(
            figure_3b(curves, found),
            "All sites with single images",
            least_width_px=_WIDE_PX,
            caption="The same of every one of these sites, on one scale.",
        ),
    )


def _shams(shams: Columns) -> PageSection:
    rows = tuple(
        (
            f"{of}, {_SAID_OF_SHAMS[test]}",
            {"counts": "drawn counts", "repetitions": "own repetitions"}[noise],
            count(int(n)),
            percent(float(rate)),
            f"{percent(float(low))} to {percent(float(high))}" if np.isfinite(low) else DASH,
        )
        for noise, of, test, n, rate, low, high in zip(
            *(shams[name].tolist() for name in ("noise", "of", "test", "n", "rate", "low", "high")), strict=True
        )
    )
    table = Table(
        columns=("", "noise", "tests (n)", "rings", "95 % interval"),
        rows=rows,
        caption="Experiments in which no image moves any site, with this study's images, sites, epsilons, "
        "repetitions and signs. A test keeps its level where it rings in at most 5 %. Drawn counts: about one mean "
        "of an image and its attacks, with each site's own ratio of variance to mean. Own repetitions: the study's, "
        "each about its own mean, dealt anew. Any positive, Holm: families of tests (the images of a site, or all "
        "sites) with a single false one.",
    )
    return PageSection("shams", "What the tests do without an effect", tables=(table,))


def _truth(truth: Columns, found: tuple[SiteImages, ...]) -> PageSection:
    own = {one.neuroid_id: one for one in found}
    rows = tuple(
        (
            site,
            number(own[site].slope),
            number(slope),
            number(own[site].spread.sd) if own[site].spread.sd > 0 else DASH,
            number(spread),
            f"{own[site].n_positive} of {own[site].n_images}",
            f"{n_positive} of {n}",
            number(r),
        )
        for site, slope, spread, n_positive, n, r in zip(
            *(truth[name].tolist() for name in ("neuroid_id", "slope", "spread", "n_positive", "n_images", "r")),
            strict=True,
        )
    )
    table = Table(
        columns=(
            "",
            "mean slope",
            "hidden",
            "true SD of slopes",
            "hidden",
            "significantly positive",
            "hidden slope above zero",
            "r over images",
        ),
        rows=rows,
        caption="SIMULATION ONLY: the hidden cortex's own changes, without noise, read to judge the method. The method "
        "does not know them.",
    )
    return PageSection("truth", "The hidden truth", tables=(table,))


def _facts(document: ImageSensitivityStudy, found: tuple[SiteImages, ...]) -> tuple[tuple[str, str], ...]:
    n_images = max(len(one.marks) for one in found)
    shown = "shared by these sites, shown many times" if document.shown == "repeated" else "each site's own"
    return (
        ("Subject", f"{document.subject} ({'simulated' if document.simulated else 'real'})"),
        ("Protocol", f"{document.protocol}, day {document.day}"),
        ("Images", f"{len(found)} sites, {n_images} images at most, {shown}"),
        ("Showings", f"{found[0].n_changed} of each attacked image, {found[0].n_clean} of each clean one (medians)"),
        ("Epsilons", ", ".join(f"{epsilon:g}" for epsilon in document.epsilons)),
        ("Versions", f"closedloop {document.code_version}, seed {document.seed}"),
    )


def _notices(document: ImageSensitivityStudy, found: tuple[SiteImages, ...]) -> list[str]:
    few = found[0].n_changed
    notices = []
    if few < _MANY:
        notices.append(
            f"Each attacked image was shown {few} times: a single image's curve is mostly noise, and few slopes can be "
            "sure. The paper showed 100 images 10 times for three sites; the protocol's section image_sensitivity does."
        )
    if document.epsilons[0] > 1 or document.epsilons[-1] < 10:
        notices.append(
            f"The paper's slopes are from ε = 1 to 10; these from {document.epsilons[0]:g} to "
            f"{document.epsilons[-1]:g}."
        )
    return notices
