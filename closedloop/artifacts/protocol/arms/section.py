"""The protocol's section on arms: ways of driving sites that a day compares on the same images and sites."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section
from closedloop.artifacts.protocol.arms.adaptive import Adaptive, n_movable
from closedloop.artifacts.protocol.arms.names import DAY_MODEL, MEMBER, models_of_day
from closedloop.artifacts.protocol.arms.objective import ArmObjective
from closedloop.artifacts.protocol.attack import Gradient
from closedloop.artifacts.protocol.images import BaseModelChoice
from closedloop.artifacts.protocol.numbers import (
    CountOrNone,
    DayNumber,
    Epsilon,
    GradientSteps,
    RepetitionsOfPairs,
    StepFraction,
    check_epsilons,
)
from closedloop.artifacts.protocol.objectives.stated import StatedObjective

ARM = "arm"
"""Kind of an attack that an arm made: in no estimate of all sites, and no model is fitted to it."""

ArmName = Annotated[str, Field(max_length=40, pattern=r"^[a-z0-9_]+$")]
Share = Annotated[float, Field(gt=0, le=1)]


class ArmModel(Section):
    """A network that is fitted every day beside the day's model, to the same responses, by itself."""

    name: ArmName
    base_model: BaseModelChoice = Field(description="a network of any source, as base_model of the protocol")


class Arm(Section):
    """Who makes images: a model, an objective, a search and a gradient."""

    name: ArmName
    model: ArmName = Field(
        default=DAY_MODEL,
        description="day: the day's model, all members together; member_0 (base_model), member_1 and so on: one of "
        "them; or one of arms.models",
    )
    search: Literal["paper31", "cosine", "annealed"] = "cosine"
    gradient: Gradient = Field(default=Gradient(), description="which gradient the search follows")
    steps: GradientSteps = 20
    step_fraction: StepFraction = Field(default=1.0, description="step size as a fraction of epsilon")
    share: Share = Field(
        default=1.0, description="part of arms.n_pairs that it attacks: the first ones, so that arms share them"
    )
    objective: ArmObjective | None = Field(
        default=None, description="what its images are to attain; left out: attacks, the largest change of the site"
    )

    @model_validator(mode="after")
    def _values_compare(self) -> Arm:
        if self.search == "annealed" and self.gradient.is_random:
            raise ValueError(
                "search: expected one that does not go back to its best step, found annealed with a random gradient. "
                "Use cosine, or set shift, scale and noise to 0"
            )
        if self.objective is not None and self.search != "cosine":
            raise ValueError(f"search: expected cosine for an objective, found {self.search}. Leave it out")
        return self

    @property
    def asked(self) -> tuple[float, ...]:
        """What is asked of every pair of an image and a site, an image each; NaN where that is no level."""
        return self.objective.asked if self.objective is not None else (math.nan,)

    @property
    def has_ball(self) -> bool:
        """Whether epsilon bounds its changes."""
        return self.objective is None or self.objective.kind != "maximise"

    def stated(self, epsilon: float) -> StatedObjective | None:
        """Return its objective within a ball, as the section objectives has it; None of attacks."""
        if self.objective is None:
            return None
        return self.objective.stated(
            self.name, epsilon=epsilon, gradient=self.gradient, steps=self.steps, step_fraction=self.step_fraction
        )


class Arms(Section):
    """Arms of a day; none by default.

    All attack the same pairs of an anchor image and a site, in the same epsilons, and are shown mixed with everything
    else. What every model of the day says of every image is sealed before any is shown.
    """

    arms: tuple[Arm, ...] = Field(default=(), max_length=20)
    models: tuple[ArmModel, ...] = Field(
        default=(), max_length=15, description="networks beside the day's model, for arms and for what they foretell"
    )
    n_pairs: CountOrNone = Field(
        default=100, description="pairs of an anchor image and a site that an arm with share 1 attacks a day"
    )
    n_sites: CountOrNone = Field(
        default=0, description="sites among these, the most reliable ones of day 0 still attacked; 0: all"
    )
    epsilons: tuple[Epsilon, ...] = Field(
        default=(10.0,), min_length=1, max_length=100, description="L2 norms on a 224 x 224 x 3 image in [0, 1] pixels"
    )
    repetitions: RepetitionsOfPairs = Field(default=2, description="showings of each image")
    first_day: DayNumber = Field(default=1, description="day from which on there are any")
    adaptive: Adaptive | None = Field(
        default=None,
        exclude_if=operator.not_,
        description="a part of each day's attacks goes to arms that earlier days favour",
    )

    def is_adaptive_on(self, day: int) -> bool:
        """Return whether a day's attacks are dealt out by what earlier days measured."""
        return self.adaptive is not None and bool(self.arms) and day >= self.adaptive.first_day

    def decides(self, day: int, *, of: int) -> bool:
        """Return whether what a day measures decides how the attacks of another one are dealt out.

        Parameters
        ----------
        day, of
            The earlier day, and the one that is planned.
        """
        return self.is_adaptive_on(of) and self.first_day <= day < of

    def pairs_of(self, arm: Arm) -> int:
        """Return how many pairs an arm attacks on a day by its own share."""
        return round(self.n_pairs * arm.share)

    def epsilons_of(self, arm: Arm) -> tuple[float, ...]:
        """Return in which epsilons an arm makes images; without a ball, the largest as the scale of its steps."""
        return self.epsilons if arm.has_ball else self.epsilons[-1:]

    def images_of(self, arm: Arm) -> int:
        """Return how many images an arm makes on a day."""
        return self.pairs_of(arm) * len(self.epsilons_of(arm)) * len(arm.asked)

    def n_attacked(self, n_sites: int) -> int:
        """Return how many sites arms attack, of as many as the day does."""
        return min(self.n_sites or n_sites, n_sites)

    def sites_of(self, sites: Sequence[int]) -> tuple[int, ...]:
        """Return which sites arms attack, of those that the day does, the most reliable ones of day 0 first."""
        return tuple(sites[: self.n_sites or None])

    def n_made(self, day: int) -> int:
        """Return how many images all arms make on a day."""
        return sum(self.images_of(arm) for arm in self.arms) if day >= self.first_day else 0

    def gradients_of(self, day: int) -> int:
        """Return how many gradients their searches take on a day, at most: up and down."""
        if day < self.first_day:
            return 0
        each = [
            2 * len(self.epsilons_of(arm)) * len(arm.asked) * arm.steps * max(arm.gradient.samples, 1)
            for arm in self.arms
        ]
        n_pairs = [self.pairs_of(arm) for arm in self.arms]
        own = sum(cost * n for cost, n in zip(each, n_pairs, strict=True))
        if self.adaptive is not None and self.is_adaptive_on(day):  # should all go to the dearest
            moves = n_movable(self.adaptive, n_pairs)
            own += sum((max(each) - cost) * n for cost, n in zip(each, moves, strict=True))
        return own

    def check(self, *, n_anchors: int, n_sites: int, n_members: int) -> None:
        """Refuse arms that the protocol around them has no models or images for.

        Parameters
        ----------
        n_anchors, n_sites
            That every day shows and attacks.
        n_members
            Of the day's model.

        Raises
        ------
        ValueError
            A model has no name, or there are not as many pairs, or the first day's model has learned nothing.
        """
        known = models_of_day((one.name for one in self.models), n_members)
        for arm in self.arms:
            others = [arm.objective.against] if arm.objective is not None and arm.objective.against else []
            if unknown := [name for name in (arm.model, *others) if name not in known]:
                raise ValueError(
                    f"arms.arms: expected a model among {', '.join(known)}, found {unknown[0]} for {arm.name}. "
                    "Correct it, or name the network under arms.models"
                )
            if arm.model in others:
                raise ValueError(
                    f"arms.arms: expected another model for {arm.name} to part from, found {arm.model} twice. Correct "
                    "model or objective.against"
                )
        if self.n_sites > n_sites:
            raise ValueError(
                f"arms.n_sites: expected at most sites.n_sites ({n_sites}), found {self.n_sites}. Lower it"
            )
        n_sites, name = (self.n_sites, "arms.n_sites") if self.n_sites else (n_sites, "sites.n_sites")
        if self.arms and self.n_pairs > n_anchors * n_sites:
            raise ValueError(
                f"arms.n_pairs: expected at most images.anchors x {name} ({n_anchors * n_sites}), found "
                f"{self.n_pairs}. Lower it, or show more anchors"
            )
        if self.arms and not self.first_day:
            raise ValueError(
                "arms.first_day: expected 1 or later, as day 0's model has learned nothing, found 0. Raise it"
            )
        if self.adaptive is not None:
            if asking := [arm.name for arm in self.arms if arm.objective is not None]:
                raise ValueError(
                    f"arms.adaptive: expected arms that all attack, as attacks move by how far they moved sites, found "
                    f"an objective of {asking[0]}. Leave one of them out"
                )
            self.adaptive.check(
                {arm.name: self.pairs_of(arm) for arm in self.arms},
                first_day=self.first_day,
                n_anchors=n_anchors,
                n_there=n_anchors * n_sites,
            )

    @model_validator(mode="after")
    def _names_differ(self) -> Arms:
        own = [one.name for one in self.models]
        for place, names in (("arms", [arm.name for arm in self.arms]), ("models", own)):
            if len(set(names)) < len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise ValueError(f"{place}: expected names that differ, found {twice} more than once. Rename one")
        models = {one.name for one in self.models}
        for arm in self.arms:
            if arm.name != arm.model and (arm.name in models or arm.name == DAY_MODEL or arm.name.startswith(MEMBER)):
                raise ValueError(
                    f"arms: expected no arm named as another model than its own, found {arm.name} with the model "
                    f"{arm.model}. Rename it"
                )
        if taken := [name for name in own if name == DAY_MODEL or name.startswith(MEMBER)]:
            raise ValueError(
                f"models: expected other names than {DAY_MODEL} and {MEMBER}0, which are the day's model and its "
                f"members, found {taken[0]}. Rename it"
            )
        return self

    @model_validator(mode="after")
    def _epsilons_ascend(self) -> Arms:
        check_epsilons(self.epsilons)
        return self
