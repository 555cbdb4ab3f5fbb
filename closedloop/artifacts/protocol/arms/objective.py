"""What an arm's images are to attain, where that is something else than the largest change of a site."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section
from closedloop.artifacts.protocol.attack import Gradient
from closedloop.artifacts.protocol.numbers import Epsilon, GradientSteps, StepFraction, TargetLevel
from closedloop.artifacts.protocol.objectives.stated import StatedObjective


class ArmObjective(Section):
    """An objective of an arm: as an entry of the section objectives, on the images and sites that all arms have.

    Levels are in SD of the responses of the arm's own model over the day's fresh clean images, above their mean, or
    percentiles of these.
    """

    kind: Literal["level", "maximise", "controversial", "population"] = Field(
        description="level: a stated response; maximise: the highest one, without a ball, from the clean image; "
        "controversial: the arm's model up, another model of the day down or held; population: the site up and the "
        "other sites down"
    )
    targets: tuple[TargetLevel, ...] = Field(
        default=(), max_length=100, description="of level: an image for each, of every pair of an image and a site"
    )
    unit: Literal["sd", "percentile"] = Field(
        default="sd", description="of the targets: SD above the mean, or percentiles (below 0 and above 100 go on)"
    )
    tolerance: float = Field(default=0.02, gt=0, le=1, description="of level: what still counts as reached, SD")
    change: Literal["least", "any"] = Field(
        default="least", description="of level: as small a change as can be, or the first that is met"
    )
    against: str = Field(
        default="",
        max_length=40,
        pattern=r"^[a-z0-9_]*$",
        description="of controversial: the other model, by a name as the arm's model has it",
    )
    other: Literal["down", "held"] = Field(default="down", description="of controversial: what that model does")

    @model_validator(mode="after")
    def _states_what_it_needs(self) -> ArmObjective:
        self.stated("arm", epsilon=1, gradient=Gradient(), steps=1, step_fraction=1)
        if (self.kind == "controversial") != bool(self.against):
            expected = "the name of another model" if self.kind == "controversial" else "none"
            raise ValueError(f"against: expected {expected} for {self.kind}, found {self.against!r}. Correct it")
        return self

    @property
    def asked(self) -> tuple[float, ...]:
        """What is asked of every pair of an image and a site, an image each: its levels, or NaN where there is none."""
        return self.targets if self.kind == "level" else (math.nan,)

    def stated(
        self, name: str, *, epsilon: Epsilon, gradient: Gradient, steps: GradientSteps, step_fraction: StepFraction
    ) -> StatedObjective:
        """Return it as an entry of the section objectives, which is searched alike.

        Parameters
        ----------
        name
            The arm's.
        epsilon
            Radius of the ball; without one, the scale of steps.
        gradient, steps, step_fraction
            The arm's.
        """
        return StatedObjective(
            name=name,
            kind=self.kind,
            targets=self.targets,
            unit=self.unit,
            tolerance=self.tolerance,
            change=self.change,
            other=self.other,
            pattern="one_hot",
            start="clean",
            ball="none" if self.kind == "maximise" else "l2",
            epsilon=epsilon,
            gradient=gradient,
            steps=steps,
            step_fraction=step_fraction,
        )
