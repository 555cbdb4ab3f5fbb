"""The protocol's sections on images and sites."""

from __future__ import annotations

from pydantic import Field

from closedloop.artifacts.documents import Section
from closedloop.artifacts.protocol.numbers import Count, CountOrNone, Fraction, ImageSide, Repetitions


class Images(Section):
    """Which clean images a day shows, and how often each."""

    side_px: ImageSide = Field(description="side of the square images the model and the monkey see")
    clean_per_day: Count = Field(description="fresh clean images a day, balanced over categories, never shown before")
    clean_repetitions: Repetitions
    anchors: CountOrNone = Field(
        description="clean images attacked every day, never fitted; sensitivity is compared on them"
    )
    anchor_repetitions: Repetitions
    normalizers: CountOrNone = Field(description="clean images shown every day to z-score the day's responses")
    normalizer_repetitions: Repetitions


class Procedural(Section):
    """The procedural image pool, used where no folder of images is given."""

    n_categories: int = Field(ge=1, le=1_000)
    n_per_category: int = Field(ge=1, le=20_000)


class Sites(Section):
    """Which recorded electrodes become sites of the model."""

    n_sites: int = Field(ge=1, le=10_000)
    min_reliability: Fraction = Field(
        description="Spearman-Brown split-half reliability on day 0 under which none is chosen"
    )
