"""The page of the study: contours, curvature over its scale, attacks beside gradients, recorded planes, the post."""

from __future__ import annotations

import numpy as np

from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.report.layout import Card, Page, PageSection, plate, render
from closedloop.report.tables import Table
from closedloop.report.wording import count, number, percent
from closedloop.studies.response_geometry import figures
from closedloop.studies.response_geometry.measure import MeasuredGeometry
from closedloop.studies.response_geometry.plane_sections import coverage_section, planes_section
from closedloop.studies.response_geometry.post import post_section
from closedloop.studies.response_geometry.recorded import bending_planes
from closedloop.studies.response_geometry.settings import DRAWN_EXTENT

_WIDE_PX = 640
_SOURCE = (
    "Sources: the post by D. M. Paiton, June 2021 (iso-response contours and attack directions); attacks and "
    "presentations as in Guo et al. 2022."
)
_BY = {"steepness": "|g|", "curvature": "|κ|", "bend": "|κ| |g|"}


def geometry_page(found: MeasuredGeometry, *, command: str) -> bytes:
    """Return the page as one HTML file that needs nothing else.

    Parameters
    ----------
    found
        What was found.
    command
        The command line that the page shows.
    """
    with drawing.style():
        sections = (
            PageSection("headline", "In short", cards=_cards(found)),
            post_section(found),
            _contours(found),
            _curvature(found),
            _attacks(found),
            _explained(found),
            planes_section(found),
            *([coverage_section(found.coverage)] if found.coverage is not None else []),
            PageSection("definitions", "What each number is", tables=(_definitions(found),)),
        )
    return render(
        Page(
            title="Geometry of responses over images",
            subtitle="How surfaces of equal response bend around images, of networks, fitted sites and recorded sites, "
            "and what that says of attacks.",
            facts=_facts(found),
            command=command,
            simulated=found.document.simulated,
            notices=tuple(_notices(found)),
            links=(),
            sections=sections,
            source=_SOURCE,
        )
    )


def names_of(found: MeasuredGeometry) -> tuple[str, ...]:
    """Return the names of all subjects, in their order."""
    return tuple(one.name for one in found.document.subjects)


def _cards(found: MeasuredGeometry) -> tuple[Card, ...]:
    scale, cards = found.document.principal_scale, []
    for name in names_of(found):
        kappa = _sizes(found.curvatures, name, "first", scale)
        random = _sizes(found.curvatures, name, "random", scale)
        note = f"median |κ| along the principal direction at h = {scale:g}; {number(random)} along a random one"
        cards.append(Card(f"Curvature, {name}", f"{number(kappa)} / ε", note))
    if len(found.planes["day"]):
        n_bend, n_agree = bending_planes(found.planes)
        value = f"{n_bend} of {len(found.planes['day'])} bend"
        cards.append(
            Card("Recorded planes", value, f"p < .05 after Holm; {n_agree} of the {n_bend} as the model foretold")
        )
    return tuple(cards)


def _sizes(curvatures: Columns, name: str, direction: str, scale: float) -> float:
    own = (curvatures["subject"] == name) & (curvatures["direction"] == direction) & (curvatures["scale"] == scale)
    return float(np.nanmedian(np.abs(curvatures["curvature"][own])))


def _contours(found: MeasuredGeometry) -> PageSection:
    figure = figures.contours(found.drawn, found.pairs, found.curvatures, scale=found.document.principal_scale)
    caption = (
        f"Responses on a plane of {2 * DRAWN_EXTENT:g} x {2 * DRAWN_EXTENT:g} ε through a clean image (dot). "
        "Thick: where "
        "the response is that of the clean image; thin: other equal responses, at equal distances. Dashed red: the "
        f"parabola u = κ v² / 2 of the curvature at h = {found.document.principal_scale:g}. A linear unit has straight "
        "lines at equal distances. Two pairs of each: the curvature of median size, and the largest."
    )
    shown = plate(figure, "Iso-response contours", caption=caption, least_width_px=_WIDE_PX)
    return PageSection("contours", "Iso-response contours", wide=(shown,), tables=(_walks(found),))


def _walks(found: MeasuredGeometry) -> Table:
    rows = []
    for name in names_of(found):
        own = found.pairs["subject"] == name
        known = own & np.isfinite(found.pairs["walked"])
        kept, straight, apart = (found.pairs[key][known] for key in ("walked", "straight", "walk_apart"))
        rows.append(
            (
                name,
                count(int(known.sum())),
                f"{np.median(kept):.5f}",
                f"{kept.max():.5f}",
                number(float(np.median(straight))),
                number(float(np.median(apart))),
                percent(float(np.mean(found.pairs["beyond"][known]))),
            )
        )
    return Table(
        columns=("", "pairs", "on the way, median (σ)", "largest (σ)", "straight (σ)", "apart (ε)", "beyond the box"),
        rows=tuple(rows),
        caption=f"Walks of length {found.document.walk:g} ε along the surface from the clean image in its principal "
        "direction, each of 40 steps set right by Newton: by how much the response changed on the way, and by how much "
        "at the end of a straight line of the same length. Apart: from start to end. Beyond: values of the last image "
        "that are blacker than black or whiter than white; such an image cannot be shown.",
    )


def _curvature(found: MeasuredGeometry) -> PageSection:
    figure = figures.over_scales(found.curvatures, subjects=names_of(found))
    scales = found.document.scales
    rows = tuple(
        (f"{name}, {direction}", *(number(_sizes(found.curvatures, name, direction, one)) for one in scales))
        for name in names_of(found)
        for direction in ("first", "second", "random")
    )
    table = Table(
        columns=("", *(f"h = {one:g}" for one in scales)),
        rows=rows,
        caption="Median size of κ over pairs, in 1/ε, along the first and second principal direction (sought at h = "
        f"{found.document.principal_scale:g}) and a random one along the surface. κ is of gradients h to either side: "
        "a network of rectifiers is flat wherever it has a second derivative, and its curvature is that of the kinks "
        "within h. So it depends on h, and no curvature here is without one.",
    )
    caption = "Solid: principal direction; dotted: a random one."
    shown = plate(figure, "Curvature over its scale", caption=caption, least_width_px=_WIDE_PX)
    return PageSection("curvature", "Curvature and the scale it is seen at", wide=(shown,), tables=(table,))


def _attacks(found: MeasuredGeometry) -> PageSection:
    figure = figures.cosines(found.attacks, subjects=names_of(found))
    caption = (
        "Size of the cosine between an attack's perturbation and a gradient at the clean image, mean over pairs. "
        "Plain: "
        "the model's own gradient. Smoothed: what the loop follows, averaged over random changes of the image. An "
        "attack "
        "on a linear unit has 1."
    )
    shown = plate(figure, "Attacks beside gradients", caption=caption, least_width_px=_WIDE_PX)
    rows = []
    for name in names_of(found):
        both = found.pairs["smoothed_cosine"][found.pairs["subject"] == name]
        for search, said in (("plain", "plain attack"), ("loop", "loop's attack")):
            cells = [
                _means(found.attacks, name, search, column, epsilon)
                for column in ("cosine", "smoothed_cosine")
                for epsilon in found.document.epsilons
            ]
            rows.append((f"{name}, {said}", *cells, number(float(np.nanmean(both)))))
    epsilons = found.document.epsilons
    table = Table(
        columns=(
            "",
            *(f"plain, ε = {one:g}" for one in epsilons),
            *(f"smoothed, ε = {one:g}" for one in epsilons),
            "both gradients",
        ),
        rows=tuple(rows),
        caption="Mean |cos| with either gradient. Last column: cosine of the two gradients with each other.",
    )
    return PageSection("attacks", "Attacks and gradients", wide=(shown,), tables=(table,))


def _means(attacks: Columns, name: str, search: str, column: str, epsilon: float) -> str:
    own = (attacks["subject"] == name) & (attacks["search"] == search) & (attacks["epsilon"] == epsilon)
    return number(float(np.nanmean(attacks[column][own])))


def _explained(found: MeasuredGeometry) -> PageSection:
    figure = figures.explained(found.explained, subjects=names_of(found))
    caption = (
        "Spearman's rank correlation over pairs, of plain attacks. Above: with the size of the change; below: with its "
        "excess over |g| ε, which is what a linear unit of the same gradient would change. Bars: 95 % interval, units "
        "drawn with their images."
    )
    shown = plate(figure, "What goes with an attack's size", caption=caption, least_width_px=_WIDE_PX)
    folded = tuple((f"Every correlation of {name}", _correlations(found, name)) for name in names_of(found))
    return PageSection("explained", "What goes with an attack's size", wide=(shown,), folded=folded)


def _correlations(found: MeasuredGeometry, name: str) -> Table:
    table, epsilons = found.explained, found.document.epsilons
    rows = []
    for search in ("plain", "loop"):
        for of in ("size", "excess"):
            for by, said in _BY.items():
                own = (table["subject"] == name) & (table["search"] == search)
                own &= (table["of"] == of) & (table["by"] == by)
                numbers = zip(*(table[key][own].tolist() for key in ("rho", "low", "high")), strict=True)
                rows.append(
                    (f"{search}: {of} by {said}", *(f"{rho:.2f} [{low:.2f}, {high:.2f}]" for rho, low, high in numbers))
                )
    n = int(table["n"][table["subject"] == name].max())
    return Table(
        columns=("", *(f"ε = {one:g}" for one in epsilons)),
        rows=tuple(rows),
        caption=f"{n} pairs with a gradient. κ along the principal direction at h = "
        f"{found.document.principal_scale:g}.",
    )


def _definitions(found: MeasuredGeometry) -> Table:
    return Table(
        columns=("", "here"),
        rows=(
            ("gradient |g|", "change of the response for a unit of ε along its gradient, in SDs over clean images"),
            (
                "curvature κ at h",
                "-w · (g(x + h w) - g(x - h w)) / (2 h |g(x)|), along a direction w at right angles to g. Above "
                "zero the "
                "surface of equal response bends forwards, along the gradient. Of r = |x| it is -1/|x|, of r = -|x| "
                "1/|x|, of a linear response 0",
            ),
            (
                "principal direction",
                "along which the surface bends most, either way: block power iteration on differences of gradients at "
                f"h = {found.document.principal_scale:g}",
            ),
            ("excess", "size of an attack's change minus |g| ε"),
            (
                "SD, σ",
                f"of a network's unit over {count(found.document.n_clean)} clean images; a fitted site is in SDs "
                "already",
            ),
            ("ε", "L2 norm on 224 x 224 x 3 pixels in [0, 1]; at another side the same change per pixel"),
        ),
        caption="",
        prose=True,
    )


def _facts(found: MeasuredGeometry) -> tuple[tuple[str, str], ...]:
    document = found.document
    subjects = [
        (
            one.name,
            f"{count(len(one.outputs))} of {count(one.n_outputs)} {'units' if one.of == 'network' else 'sites'} x "
            f"{one.n_images} images ({one.images})" + (f", layer {one.layer}" if one.layer else f", {one.source}"),
        )
        for one in document.subjects
    ]
    return (
        *subjects,
        ("Attacks", f"ε {', '.join(f'{one:g}' for one in document.epsilons)}"),
        ("Planes", f"{document.n_planes} recorded" if document.n_planes else "none recorded"),
        ("Versions", f"closedloop {document.code_version}, seed {document.seed}"),
    )


def _notices(found: MeasuredGeometry) -> list[str]:
    notices = []
    for one in found.document.subjects:
        own = found.pairs["subject"] == one.name
        n_flat = int((found.pairs["steepness"][own] == 0).sum())
        if one.n_silent:
            notices.append(
                f"{one.name}: {one.n_silent} of {one.n_outputs} units never vary over the clean images; they are not "
                "among those looked at."
            )
        if n_flat:
            notices.append(
                f"{one.name}: {n_flat} of {int(own.sum())} pairs have no gradient (a rectified unit that is silent "
                "there); they have no surface, and no curvature of theirs is counted, not even as 0."
            )
    if not found.document.n_planes:
        notices.append(found.document.planes)
    return notices
