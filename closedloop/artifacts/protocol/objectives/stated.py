"""The protocol's section on objectives other than an attack: images that are to attain something stated.

A list, an entry an objective. What each makes stands among the day's other images and is told by its name; it is in no
estimate of sensitivity, in no SD over clean images, and no model is fitted to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section
from closedloop.artifacts.protocol.attack import Gradient
from closedloop.artifacts.protocol.numbers import (
    Count,
    DayNumber,
    Epsilon,
    GradientSteps,
    RepetitionsOfPairs,
    StepFraction,
    TargetLevel,
)

OBJECTIVE = "objective"
"""Kind of an image that is to attain what an objective states."""

ObjectiveKind = Literal["level", "maximise", "controversial", "population", "layer_displacement"]
BallName = Literal["l2", "linf", "none"]

_MOST_TARGETS = 100
_WIDEST_EPSILON = math.sqrt(3) * 224
"""From a black image to a white one: where no ball bounds a change, this does."""


class StatedObjective(Section):
    """One objective: what a search is to attain, at which sites, on which images, how far from them.

    Levels are in SD of the model's responses over the day's clean images, above their mean, or percentiles of them.
    """

    name: str = Field(max_length=40, pattern=r"^[a-z0-9_]+$", description="by which tables and pages call it")
    kind: ObjectiveKind = Field(
        description="level: a stated response; maximise: the highest one, without a ball; controversial: one member of "
        "an ensemble up, another down or held; population: what all sites do together; layer_displacement: the layer "
        "beneath a member's readout as far from where it is as can be"
    )
    n_sites: Count = Field(
        default=3, description="sites, the most reliable ones of day 0 still attacked; of a population all are"
    )
    n_images: Count = Field(default=2, description="anchors, the first ones, each for every site; maximise: one a site")
    first_day: DayNumber = Field(default=1, description="day from which on there are any; sites are chosen on day 0")
    targets: tuple[TargetLevel, ...] = Field(
        default=(), max_length=_MOST_TARGETS, description="levels; of the pattern of a population one a site"
    )
    unit: Literal["sd", "percentile"] = Field(
        default="sd", description="of the targets: SD above the mean, or percentiles (below 0 and above 100 go on)"
    )
    tolerance: float = Field(default=0.02, gt=0, le=1, description="of a level: what still counts as reached, SD")
    change: Literal["least", "any"] = Field(
        default="least", description="of a level: as small a change as can be, or the first that is met"
    )
    members: tuple[DayNumber, DayNumber] = Field(
        default=(0, 1),
        description="of controversial: the member that goes up, and the other; the first is "
        "the one whose layer is displaced; 0 is base_model",
    )
    other: Literal["down", "held"] = Field(default="down", description="of controversial: what the other member does")
    pattern: Literal["stretch", "one_hot", "pattern"] = Field(
        default="stretch",
        description="of population: all sites up, one site up and the others down, or the targets at once",
    )
    start: Literal["favourite", "clean", "noise"] = Field(
        default="favourite",
        description="of maximise: the clean image of the day that the model has highest, an anchor, or noise",
    )
    ball: BallName = Field(default="l2", description="which norm bounds the change; maximise has none")
    epsilon: Epsilon = Field(
        default=10.0,
        description="of l2, the L2 norm on a 224 x 224 x 3 image; of linf, the largest change of a value in [0, 1]; "
        "without a ball, the scale of steps as l2",
    )
    gradient: Gradient = Field(default=Gradient(), description="which gradient the search follows")
    steps: GradientSteps = Field(default=20, description="gradient steps; the least change takes as many more")
    step_fraction: StepFraction = Field(default=0.5, description="longest step as a fraction of epsilon")
    repetitions: RepetitionsOfPairs = Field(default=2, description="showings of each image")

    @property
    def widest_epsilon(self) -> float:
        """How far an image may be from its clean one, as an L2 norm at 224 px, whatever the ball."""
        if self.ball == "l2":
            return self.epsilon
        return min(self.epsilon, 1.0) * _WIDEST_EPSILON if self.ball == "linf" else _WIDEST_EPSILON

    @property
    def aims_a_site(self) -> bool:
        """Whether each image is made for one site."""
        return self.pattern == "one_hot" if self.kind == "population" else self.kind != "layer_displacement"

    def places(self, sites: Sequence[int]) -> list[tuple[int, int, float]]:
        """Return what is made of an objective: which anchor, which site (-1: all), and which target (NaN: none).

        Parameters
        ----------
        sites
            Outputs of the model that are attacked, the most reliable ones of day 0 first.
        """
        targets = self.targets if self.kind == "level" else (math.nan,)
        if self.kind == "maximise":
            return [(number % self.n_images, site, math.nan) for number, site in enumerate(sites[: self.n_sites])]
        aimed = sites[: self.n_sites] if self.aims_a_site else [-1]
        return [(image, site, target) for site in aimed for image in range(self.n_images) for target in targets]

    def n_made(self, n_sites: int) -> int:
        """Return how many images are made of it, where so many sites are attacked."""
        return len(self.places(range(n_sites)))

    @model_validator(mode="after")
    def _states_what_it_needs(self) -> StatedObjective:
        needs = self.kind == "level" or (self.kind == "population" and self.pattern == "pattern")
        if needs != bool(self.targets):
            expected = "some" if needs else "none"
            raise ValueError(f"targets: expected {expected} for {self.name}, found {len(self.targets)}. Correct it")
        if self.first_day == 0:
            raise ValueError("first_day: expected 1 or later, as day 0 chooses the sites, found 0. Raise it")
        if (self.kind == "maximise") != (self.ball == "none") and self.kind != "level":
            expected = "none" if self.kind == "maximise" else "l2 or linf"
            raise ValueError(f"ball: expected {expected} for {self.kind}, found {self.ball}. Correct it")
        if self.kind == "layer_displacement" and self.ball != "l2":
            raise ValueError(f"ball: expected l2 for layer_displacement, found {self.ball}. Correct it")
        if self.ball == "linf" and self.epsilon > 1:
            raise ValueError(f"epsilon: expected at most 1 for linf, found {self.epsilon:g}. Values lie in [0, 1]")
        if self.members[0] == self.members[1]:
            raise ValueError(f"members: expected two different ones, found {self.members[0]} twice. Correct it")
        return self

    @model_validator(mode="after")
    def _targets_differ(self) -> StatedObjective:
        if self.kind == "level" and len({f"{target:g}" for target in self.targets}) < len(self.targets):
            raise ValueError(f"targets: expected each value once, found {list(self.targets)}. Leave one out")
        return self


Objectives = Annotated[tuple[StatedObjective, ...], Field(max_length=50)]
"""The section: an entry an objective; none by default."""


def objectives_on(objectives: Sequence[StatedObjective], day: int) -> tuple[StatedObjective, ...]:
    """Return the objectives of a day.

    Parameters
    ----------
    objectives
        The protocol's.
    day
        Which.
    """
    return tuple(one for one in objectives if day >= one.first_day)


def objective_images_of(objectives: Sequence[StatedObjective], day: int, *, n_sites: int) -> int:
    """Count the images that a day's objectives make, where so many sites are attacked.

    Parameters
    ----------
    objectives
        The protocol's.
    day
        Which.
    n_sites
        Attacked.
    """
    return sum(one.n_made(n_sites) for one in objectives_on(objectives, day))


def objective_presentations_of(objectives: Sequence[StatedObjective], day: int, *, n_sites: int) -> int:
    """Count the presentations of these images.

    Parameters
    ----------
    objectives, day, n_sites
        See `objective_images_of`.
    """
    return sum(one.n_made(n_sites) * one.repetitions for one in objectives_on(objectives, day))
