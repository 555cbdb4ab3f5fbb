"""The protocol's section on attacks of what a linear decoder reads from all sites together."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section
from closedloop.artifacts.protocol.attack import Gradient
from closedloop.artifacts.protocol.numbers import (
    CountOrNone,
    DayNumber,
    Epsilon,
    GradientSteps,
    RepetitionsOfPairs,
    StepFraction,
    check_epsilons,
)


class Population(Section):
    """Images changed so that a decoder of category goes wrong; with nothing given there are none, as in the paper.

    The decoder is linear, fitted to the clean images of the days before and sealed; the search follows the model of the
    sites through it. Each attack has Gaussian noise of the same norm on the same image beside it. None is ever fitted.
    """

    n_images: CountOrNone = Field(
        default=0, description="images attacked at every epsilon, each with noise of the same norm beside it"
    )
    images: Literal["anchors", "fresh"] = Field(
        default="anchors", description="which: the first anchors, the same ones on all days, or the day's clean images"
    )
    first_day: DayNumber = Field(
        default=1, description="day from which on there are any; the decoder is fitted to the days before"
    )
    epsilons: tuple[Epsilon, ...] = Field(
        default=(2.5, 10.0), min_length=1, max_length=100, description="L2 norms on a 224 x 224 x 3 image in [0, 1]"
    )
    repetitions: RepetitionsOfPairs = Field(default=2, description="showings of each changed image")
    objective: Literal["decoder", "vector"] = Field(
        default="decoder",
        description="decoder: the best other category's score minus the true one's, whichever that is at each step; "
        "vector: the one straight direction from the true category to the clean image's strongest rival",
    )
    gradient: Gradient = Field(default=Gradient(), description="which gradient the search follows")
    steps: GradientSteps = Field(default=20, description="gradient steps of the search")
    step_fraction: StepFraction = Field(default=1.0, description="step size as a fraction of epsilon")

    def n_made(self, day: int) -> int:
        """Return how many attacks a day has; there is noise beside each."""
        return self.n_images * len(self.epsilons) if day >= self.first_day else 0

    def n_shown(self, day: int) -> int:
        """Return how many changed images a day has, noise counted."""
        return 2 * self.n_made(day)

    @model_validator(mode="after")
    def _epsilons_ascend(self) -> Population:
        check_epsilons(self.epsilons)
        return self

    @model_validator(mode="after")
    def _there_are_days_before(self) -> Population:
        if self.n_images and not self.first_day:
            raise ValueError(
                "first_day: expected 1 or later, as the decoder is fitted to the days before, found 0. Raise it"
            )
        return self
