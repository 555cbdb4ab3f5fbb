"""The protocol's section on images that evolve by a site's own responses, generation by generation, without a model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section
from closedloop.artifacts.protocol.numbers import CountOrNone, DayNumber, Repetitions

EVOLVED, EVOLVED_MEAN, EVOLVED_NATURAL = "evolved", "evolved_mean", "evolved_natural"
"""Kinds: an image of a generation; that at the mean of its distribution; the natural image that is shown beside it.

They are in no estimate of sensitivity and no SD over clean images, and no model is fitted to them.
"""

EVOLUTION_KINDS = (EVOLVED, EVOLVED_MEAN, EVOLVED_NATURAL)
EVOLUTION = "evolution"
"""Their role: no clean image lies beneath."""

COMPARED_KINDS = (EVOLVED_MEAN, EVOLVED_NATURAL)
LEAST_IMAGES = 4
"""Of a generation: its better half are the next one's parents."""


class Evolution(Section):
    """Images made from what a site answered to the generation before (Ponce et al. 2019); none by default.

    Every session from the first day on shows one generation: with rounds, as many a day as there are rounds. The search
    is separable covariance matrix adaptation of the images' codes. In a day's last session the image at the mean of the
    distribution is shown beside the natural image that the site answered most before, as often.
    """

    n_sites: CountOrNone = Field(
        default=0, description="sites with images of their own, the most reliable ones of day 0 that are still attacked"
    )
    images: Annotated[int, Field(ge=LEAST_IMAGES, le=10_000)] = Field(
        default=40, description="images of a generation, for each site"
    )
    repetitions: Repetitions = Field(default=1, description="showings of each image of a generation")
    code: Literal["pca", "dct"] = Field(
        default="pca", description="pca: principal components of the natural images; dct: the slowest cosines"
    )
    components: Annotated[int, Field(ge=2, le=4_096)] = Field(
        default=100, description="of the code; of n natural images there are n - 1 principal ones at most"
    )
    parents: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=10, description="natural images that a site answered most, from which its first generation is made"
    )
    step_size: Annotated[float, Field(ge=1e-3, le=10)] = Field(
        default=0.3, description="SD of the first generation, in the SD that natural images have along each component"
    )
    last_spread: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0,
        description="spread of the generation of a day's last session, of that which the search would draw: it shows "
        "what the search has come to, rather than how far it still looks around",
    )
    compared: CountOrNone = Field(
        default=20,
        description="showings, in a day's last session, of the image at the distribution's mean and of the natural one",
    )
    first_day: DayNumber = Field(
        default=1, description="day from which on there are any; natural images are those of the days before"
    )

    def n_shown(self, day: int) -> int:
        """Return how many images one session of a day shows, those that are compared counted."""
        if day < self.first_day:
            return 0
        return self.n_sites * (self.images + (len(COMPARED_KINDS) if self.compared else 0))

    def presentations_of(self, day: int, *, rounds: int) -> int:
        """Count the presentations of a day.

        Parameters
        ----------
        day
            Which.
        rounds
            Of the protocol: a generation each; the last one compares.
        """
        if day < self.first_day:
            return 0
        of_generations = rounds * self.images * self.repetitions
        return self.n_sites * (of_generations + len(COMPARED_KINDS) * self.compared)

    def check(self, *, n_sites: int, n_clean: int) -> None:
        """Refuse what the protocol around it has no sites or natural images for.

        Parameters
        ----------
        n_sites
            That every day attacks.
        n_clean
            Fresh clean images of a day.

        Raises
        ------
        ValueError
            There are too few.
        """
        if self.n_sites > n_sites:
            raise ValueError(
                f"evolution.n_sites: expected at most sites.n_sites ({n_sites}), found {self.n_sites}. Lower it"
            )
        if self.n_sites and self.parents > n_clean:
            raise ValueError(
                f"evolution.parents: expected at most images.clean_per_day ({n_clean}), found {self.parents}. "
                "Lower it, or show more clean images"
            )

    @model_validator(mode="after")
    def _there_are_days_before(self) -> Evolution:
        if self.n_sites and not self.first_day:
            raise ValueError(
                "first_day: expected 1 or later, as it begins from what sites answered to natural images on the days "
                "before, found 0. Raise it"
            )
        return self
