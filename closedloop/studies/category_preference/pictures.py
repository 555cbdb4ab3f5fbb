"""The pictures of Figure 2A: what a sample site was shown, a row a case, with category, epsilon and rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from closedloop.report import drawing
from closedloop.report.wording import rate
from closedloop.studies.category_preference.attacks import AttackDay, image_rates_hz

_MOST_PICTURES, _SAMPLE_EPSILON = 5, 2.5  # "adversarially perturbed images at ε=2.5 and 10"


@dataclass(frozen=True)
class PictureRow:
    """A case of Figure 2A: images of one kind, with what stands below each."""

    title: str
    images: NDArray[np.uint8]
    captions: tuple[str, ...]


def shown_epsilons(epsilons: tuple[float, ...]) -> tuple[float, ...]:
    """Return the two epsilons that Figure 2A shows: the one nearest 2.5, and the largest.

    Examples
    --------
    >>> shown_epsilons((1.0, 2.5, 5.0, 10.0)), shown_epsilons((3.0,))
    ((2.5, 10.0), (3.0,))
    """
    nearest = min(epsilons, key=lambda epsilon: abs(epsilon - _SAMPLE_EPSILON))
    return tuple(dict.fromkeys((nearest, epsilons[-1])))


def picture_rows(attacks: AttackDay, site: str, *, preferred: str) -> list[PictureRow]:
    """Return the rows of Figure 2A for a site.

    Parameters
    ----------
    attacks
        Its day of attacks.
    site
        neuroid_id, one that was attacked.
    preferred
        Its preferred category, whose clean images of the day are shown where there are no fresh ones for it.
    """
    stimuli, own = attacks.study.stimuli(attacks.day), attacks.raised[site]
    of_day = stimuli.index[(stimuli["kind"] == "clean") & (stimuli["category"] == preferred)].to_numpy(dtype=np.int64)
    best = attacks.preferred.get(site, of_day)
    groups = [("preferred, clean", best, 0.0), ("not preferred, clean", own.clean_index, 0.0)]
    groups += [
        (f"the same, attacked, ε = {epsilon:g}", own.attacked_index[:, attacks.epsilons.index(epsilon)], epsilon)
        for epsilon in shown_epsilons(attacks.epsilons)
    ]
    pixels, rates_hz, category = (
        attacks.study.images(attacks.day),
        image_rates_hz(attacks.study, attacks.day, site),
        stimuli["category"],
    )
    return [
        PictureRow(
            title,
            pixels[rows[:_MOST_PICTURES]],
            tuple(
                f"{category[row]}{f', ε = {epsilon:g}' if epsilon else ''}\n{rate(float(rates_hz[row]))} Hz"
                for row in rows[:_MOST_PICTURES]
            ),
        )
        for title, rows, epsilon in groups
    ]


def draw_pictures(rows: list[PictureRow]) -> Figure:
    """Draw Figure 2A: a row of pictures a case, pixel by pixel.

    Parameters
    ----------
    rows
        At least one.
    """
    n_columns = max(len(row.images) for row in rows)
    figure, panels = drawing.new_figure(n_columns, len(rows), width=1.75 * n_columns, height=2.35 * len(rows))
    for place, axes in enumerate(panels):
        row, column = rows[place // n_columns], place % n_columns
        axes.axis("off")
        if column < len(row.images):
            axes.imshow(row.images[column], interpolation="nearest")
            axes.text(0.5, -0.04, row.captions[column], ha="center", va="top", fontsize=8.5, transform=axes.transAxes)
        if column == 0:
            axes.set_title(row.title, fontsize=10, loc="left")
    return figure
