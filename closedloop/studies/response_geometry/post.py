"""The sentences of the post on iso-response contours and attacks, and what was found beside each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from closedloop.report.layout import PageSection
from closedloop.report.quoted import Origin, QuotedNumber, quoted_table
from closedloop.studies.response_geometry.recorded import bending_planes

if TYPE_CHECKING:
    from closedloop.studies.response_geometry.measure import MeasuredGeometry

_POST = "the post, June 2021"


def post_section(found: MeasuredGeometry) -> PageSection:
    """Return the section with the post's sentences; it gives no numbers of its own.

    Parameters
    ----------
    found
        What was found.
    """
    numbers = [one for name in (of.name for of in found.document.subjects) for one in _of_subject(found, name)]
    if len(found.planes["day"]):
        numbers.append(_of_planes(found))
    caption = (
        "The post's sections on MNIST and CIFAR results, on curvature and on defence are empty: what it says is "
        "in words. "
        "Its title claims that geometry explains robustness; what goes with an attack's size here stands further "
        "below, "
        "the gradient's length, the curvature and the excess apart."
    )
    return PageSection(
        "post", "Beside the post's sentences", tables=(quoted_table(numbers, caption=caption, source=_POST),)
    )


def _of_subject(found: MeasuredGeometry, name: str) -> list[QuotedNumber]:
    attacks, pairs, table = found.attacks, found.pairs, found.explained
    own = (attacks["subject"] == name) & (attacks["search"] == "plain")
    epsilons = found.document.epsilons
    cosines = [float(np.nanmean(attacks["cosine"][own & (attacks["epsilon"] == one)])) for one in epsilons]
    of_pairs = pairs["subject"] == name
    kept, straight = (float(np.nanmedian(pairs[key][of_pairs])) for key in ("walked", "straight"))
    plain = (table["subject"] == name) & (table["search"] == "plain")

    def rho(of: str, by: str) -> str:
        values = table["rho"][plain & (table["of"] == of) & (table["by"] == by)]
        return ", ".join(f"{one:.2f}" for one in values)

    at = f"at ε = {', '.join(f'{one:g}' for one in epsilons)}"
    computed: Origin = "computed"
    return [
        QuotedNumber(
            f"{name}: |cos| of plain attacks and gradient {at}",
            ", ".join(f"{one:.2f}" for one in cosines),
            computed,
            "",
            "The iso-response contours of a neuron have an important relationship to adversarial directions, which is "
            "that they are orthogonal, or perpendicular.",
            "Response geometry determines adversarial attack directions",
        ),
        QuotedNumber(
            f"{name}: change on a walk along the surface, and on a straight line as long, σ (medians)",
            f"{kept:.5f}, {straight:.2f}",
            computed,
            "",
            "we can change the input as much as we want and not change the output at all if we perturb along the "
            "iso-response contours.",
            "same section",
        ),
        QuotedNumber(
            f"{name}: rank correlation {at} of an attack's size with |g|; with |κ|; of its excess over |g| ε with |κ|",
            f"{rho('size', 'steepness')}; {rho('size', 'curvature')}; {rho('excess', 'curvature')}",
            computed,
            "",
            "In this post I will demonstrate how the response surface geometry can also predict a neuron's "
            "_adversarial "
            "robustness_",
            "before “Why are real neurons recurrent?”",
        ),
    ]


def _of_planes(found: MeasuredGeometry) -> QuotedNumber:
    n_bend, n_agree = bending_planes(found.planes)
    return QuotedNumber(
        "recorded planes that bend (p < .05 after Holm), and those of them whose sign the model foretold",
        f"{n_bend} of {len(found.planes['day'])}, {n_agree} of {n_bend}",
        "simulated" if found.document.simulated else "measured",
        "",
        "a neuron's response surface geometry can help us differentiate between models and explain their "
        "selectivity and "
        "invariance properties.",
        "before “Why are real neurons recurrent?”",
    )
