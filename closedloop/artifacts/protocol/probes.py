"""The protocol's section on what is shown once to teach the model, and never evaluated."""

from __future__ import annotations

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section
from closedloop.artifacts.protocol.attack import Gradient
from closedloop.artifacts.protocol.numbers import CountOrNone, Epsilon, Fraction, GradientSteps, StepFraction


class Probes(Section):
    """Images that are shown once, fitted and never evaluated; with nothing given there are none, as in section 3.1.

    A model that is right on clean images is wrong off them. What mends that are images on which the members of an
    ensemble disagree; and different images once instead of fewer ones twice.
    """

    singles: CountOrNone = Field(default=0, description="fresh clean images a day that are shown once")
    singles_on_day_0: CountOrNone | None = Field(
        default=None, description="on day 0, whose model has nothing to disagree about yet; left out: as on other days"
    )
    per_day: CountOrNone = Field(
        default=0, description="probes a day, from day 1 on, made from the day's fresh clean images"
    )
    held_out: CountOrNone = Field(
        default=0, description="probes a day made from anchors, by which fits are judged; never fitted"
    )
    epsilon: Epsilon = Field(default=30.0, description="L2 norm on a 224 x 224 x 3 image in [0, 1] pixels")
    disagreement: Fraction = Field(
        default=1.0,
        description="share of the probes aimed at where two members differ most at a site; the others are aimed at the "
        "largest response of the ensemble",
    )
    gradient: Gradient = Field(default=Gradient(), description="which gradient the search follows")
    steps: GradientSteps = Field(default=10, description="gradient steps of the search")
    step_fraction: StepFraction = Field(default=1.0, description="step size as a fraction of epsilon")

    @property
    def n_made(self) -> int:
        """Probes of a day from day 1 on, fitted and held out."""
        return self.per_day + self.held_out

    def singles_of(self, day: int) -> int:
        """Return how many fresh clean images a day shows once."""
        return self.singles if day or self.singles_on_day_0 is None else self.singles_on_day_0

    @model_validator(mode="after")
    def _held_out_beside_others(self) -> Probes:
        if self.held_out and not self.per_day:
            raise ValueError(
                f"held_out: expected probes that are fitted beside those that are not, found {self.held_out} and none. "
                "Raise per_day, or leave it out"
            )
        return self
