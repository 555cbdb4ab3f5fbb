"""One image of each of two sites, clean and attacked at every epsilon, with what the site did (Figure 1B)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from closedloop.artifacts.day.evaluation import EvaluationReport
from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.report.magnified import magnified_difference
from closedloop.report.wording import rate

ROWS = 2
"""Sites that are shown: "two sample neural recording sites" (Figure 1)."""


@dataclass(frozen=True)
class SampleRow:
    """One image at one site.

    Attributes
    ----------
    neuroid_id, category
        The site, and what the image is of.
    images
        Rows of the day's images: clean, then by epsilon.
    epsilons
        0, then ascending.
    rates_hz
        Mean rate to each; NaN where it was not recorded.
    signs
        Sealed for each: 1 to raise the rate, -1 to lower it; 0 of the clean one.
    """

    neuroid_id: str
    category: str
    images: tuple[int, ...]
    epsilons: tuple[float, ...]
    rates_hz: tuple[float, ...]
    signs: tuple[int, ...]


def sample_rows(evaluation: EvaluationReport, pairs: Columns, stimuli: Columns) -> tuple[SampleRow, ...]:
    """Return the images to show: of the first sites the one whose attack had the median effect at the largest epsilon.

    Parameters
    ----------
    evaluation
        Its examples are these images.
    pairs, stimuli
        Columns of the day's `PAIRS` and `STIMULI`.
    """
    image_of = dict(zip(stimuli["stimulus_id"].tolist(), stimuli["image_index"].tolist(), strict=True))
    found = []
    for example in evaluation.examples[:ROWS]:
        image_id = stimuli["image_id"][example.clean_index]
        own = (pairs["kind"] == "attacked") & (pairs["neuroid_id"] == example.neuroid_id)
        rows = np.flatnonzero(own & (pairs["image_id"] == image_id))
        rows = np.array([row for row in rows if pairs["stimulus_id"][row] in image_of], dtype=np.int64)
        rows = rows[np.argsort(pairs["epsilon"][rows], kind="stable")]
        if len(rows):
            found.append(
                SampleRow(
                    neuroid_id=example.neuroid_id,
                    category=example.category,
                    images=(example.clean_index, *(image_of[name] for name in pairs["stimulus_id"][rows])),
                    epsilons=(0.0, *pairs["epsilon"][rows].tolist()),
                    rates_hz=(float(pairs["rate_clean_hz"][rows[0]]), *pairs["rate_changed_hz"][rows].tolist()),
                    signs=(0, *pairs["predicted_sign"][rows].tolist()),
                )
            )
    return tuple(found)


def figure_1b(rows: Sequence[SampleRow], pixels: Sequence[NDArray[np.uint8]]) -> Figure:
    """Draw each image over epsilon, and under it the magnified difference.

    Parameters
    ----------
    rows
        What is shown.
    pixels
        The images of each row, uint8, (n_epsilons, side, side, 3).
    """
    n_columns = max(len(row.images) for row in rows)
    figure, panels = drawing.new_figure(
        n_columns, 2 * len(rows), width=2.0 * n_columns + 0.4, height=4.5 * len(rows) + 0.2
    )
    for axes in panels:
        axes.axis("off")
    for place, (row, images) in enumerate(zip(rows, pixels, strict=True)):
        upper = panels[2 * place * n_columns :][:n_columns]
        lower = panels[(2 * place + 1) * n_columns :][:n_columns]
        for column, image in enumerate(images):
            upper[column].imshow(image, interpolation="nearest")
            upper[column].set_title(_title(row, column), fontsize=9.5, pad=4)
            if column:
                lower[column].imshow(magnified_difference(images[0], image), interpolation="nearest")
        words = f"{row.neuroid_id}\n{row.category}\n\ndifferences × 20 →"
        lower[0].text(0.5, 0.5, words, ha="center", va="center", fontsize=9.5, transform=lower[0].transAxes)
        drawing.note_numbers(upper[0], row.neuroid_id, row.epsilons, row.rates_hz)
    return figure


def _title(row: SampleRow, column: int) -> str:
    size = "clean" if column == 0 else f"ε = {row.epsilons[column]:g}"
    arrow = {1: " ↑", -1: " ↓"}.get(row.signs[column], "")
    return f"{size}{arrow}\n{rate(row.rates_hz[column])} Hz"
