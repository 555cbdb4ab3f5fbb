"""The sections of pages that show how large perturbations are: Figures 1B and 1C, from the day's own images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.arrays import read_rows
from closedloop.artifacts.day.stimuli import STIMULUS_IMAGES
from closedloop.artifacts.tables import Columns
from closedloop.report.layout import PageSection, Plate, plate
from closedloop.report.perturbations.landmarks import QUOTED, Landmark, QuotedLandmark, landmarks, rounding
from closedloop.report.perturbations.rows import SampleRow, figure_1b, sample_rows
from closedloop.report.perturbations.scale import figure_1c
from closedloop.report.reading import DayRecord
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, count, number, span

_WIDE_PX = 640
_SCALE_PX = 1000  # small print and pictures


def perturbations_of_day(day: DayRecord) -> PageSection | None:
    """Show how large the day's perturbations are, and what they look like; None before images were attacked.

    Parameters
    ----------
    day
        The day.
    """
    if day.evaluation is None or day.images is None or day.pairs is None or day.stimuli is None:
        return None
    rows = sample_rows(day.evaluation, day.pairs, day.stimuli)
    if not rows:
        return None
    pixels = [_pixels(day.images, row.images) for row in rows]
    return PageSection(
        f"perturbations-{day.day}",
        f"How large the perturbations are: {day.session.said}",
        wide=(
            plate(
                figure_1b(rows, pixels),
                "Two sites over ε",
                least_width_px=_WIDE_PX,
                caption="As the paper's Figure 1B. Of each of the two sites that were most reliable on day 0 the "
                "image on which the attack of the largest ε had the median effect: typical, neither best nor worst. "
                "Arrows: what the attack was to do to the rate. Rates: means over presentations. Below: the "
                "difference to the clean image, magnified twenty times around mid-grey and clipped.",
            ),
            scale_plate(day.images, day.stimuli, rows[0], pixels[0]),
        ),
        folded=(("The landmarks in numbers", landmark_table(day.images, day.stimuli, rows[0], pixels[0])),),
    )


def scale_plate(images: Path, stimuli: Columns, row: SampleRow, pixels: NDArray[np.uint8]) -> Plate:
    """Return Figure 1C.

    Parameters
    ----------
    images, stimuli
        The day's images.h5, and the columns of its `STIMULI`.
    row, pixels
        The image that is shown with every change.
    """
    found = _landmarks(images, stimuli, row, pixels)
    return plate(
        figure_1c([rounding(), *found], studied=(row.epsilons[1], row.epsilons[-1])),
        "The scale of perturbations",
        least_width_px=_SCALE_PX,
        caption="As the paper's Figure 1C, from this day's own clean images: L2 norms of changes on the scale on "
        "which ε is stated (224 × 224 × 3 pixels in [0, 1]; a norm at another side is scaled so that the root mean "
        f"square over pixels stays). Blue: the ε studied. Above: medians over images, bars their quartiles, each "
        f"shown on the same {row.category} image; attacks of site {row.neuroid_id}, a shift by one of the image's own "
        f"{pixels.shape[1]} pixels a side. Red: sizes that the paper gives, of others' studies where it names them.",
    )


def landmark_table(images: Path, stimuli: Columns, row: SampleRow, pixels: NDArray[np.uint8]) -> Table:
    """Return the same as a table, with the paper's sentences.

    Parameters
    ----------
    images, stimuli, row, pixels
        See `scale_plate`.
    """
    computed = [
        (one.name, number(one.size), span(one.quartiles) if one.n > 1 else DASH, count(one.n) if one.n else DASH, "")
        for one in (rounding(), *_landmarks(images, stimuli, row, pixels))
    ]
    quoted = [(one.name, _ends(one), DASH, DASH, f"“{one.sentence}” ({one.place})") for one in QUOTED]
    return Table(
        columns=("", "L2 norm (224 px)", "quartiles over images", "images or pairs (n)", "the paper's sentence"),
        rows=(*computed, *quoted),
        caption="Computed from the bytes of this day's clean images, but for those with a sentence, which are the "
        "paper's.",
        prose=True,
    )


def _ends(one: QuotedLandmark) -> str:
    return number(one.low) if one.low == one.high else f"{one.low:g} to {one.high:g}"


def _landmarks(images: Path, stimuli: Columns, row: SampleRow, pixels: NDArray[np.uint8]) -> tuple[Landmark, ...]:
    clean = np.flatnonzero((stimuli["kind"] == "clean") & (stimuli["role"] != "single")).tolist()
    return landmarks(
        _pixels(images, clean),
        [str(stimuli["category"][one]) for one in clean],
        example=clean.index(row.images[0]),
        attacked=dict(zip(row.epsilons[1:], pixels[1:], strict=True)),
    )


def _pixels(images: Path, rows: Sequence[int]) -> NDArray[np.uint8]:
    return np.asarray(read_rows(images, STIMULUS_IMAGES, name="images", rows=list(rows)))
