"""The protocol's sections on attacks: how they are searched, and their controls."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section
from closedloop.artifacts.protocol.numbers import (
    BatchSize,
    CountOrNone,
    Epsilon,
    GradientSteps,
    RepetitionsOfPairs,
    StepFraction,
)


class Gradient(Section):
    """Which gradient a search follows; with nothing given the model's own, as in section 3.1."""

    shift: float = Field(default=0, ge=0, lt=1, description="largest random shift of the image over its side")
    scale: float = Field(default=0, ge=0, lt=1, description="largest random change of the image's size, as a fraction")
    noise: float = Field(default=0, ge=0, le=100, description="standard deviation of white noise in [0, 1] pixel units")
    blur: float = Field(default=0, ge=0, lt=1, description="standard deviation of the gradient's blur over the side")
    soft_relu: float = Field(
        default=0,
        ge=0,
        le=1_000,
        description="slope of the rectifiers' derivative on the way back, sigmoid(slope x / SD); 0 leaves them hard",
    )
    equal_members: bool = Field(
        default=False, description="an ensemble's members have equally long gradients, and so the same say"
    )
    samples: int = Field(
        default=1, ge=1, le=10_000, description="random changes averaged in a step; each costs a gradient"
    )

    @property
    def is_random(self) -> bool:
        """Whether two gradients at the same image differ."""
        return max(self.shift, self.scale, self.noise) > 0

    @model_validator(mode="after")
    def _samples_differ(self) -> Gradient:
        if self.samples > 1 and not self.is_random:
            raise ValueError(
                f"samples: expected 1 without shift, scale or noise, found {self.samples} equal ones. "
                "Set it to 1 or add a random change"
            )
        return self


class Attack(Section):
    """How attacks are searched (section 3.1) and how many are shown."""

    search: Literal["paper31", "cosine", "annealed"]
    gradient: Gradient = Field(default=Gradient(), description="which gradient it follows")
    steps: GradientSteps
    step_fraction: StepFraction = Field(description="step size as a fraction of epsilon")
    epsilons: tuple[Epsilon, ...] = Field(
        min_length=1, max_length=100, description="L2 norms on a 224 x 224 x 3 image in [0, 1] pixels"
    )
    anchors_per_site: CountOrNone = Field(description="anchor images attacked for each site, the same ones every day")
    fresh_images_per_site: CountOrNone = Field(
        description="of the day's clean images, attacked for each site; fitted afterwards"
    )
    repetitions: RepetitionsOfPairs = Field(description="showings of each attacked image (section 3.1: at least two)")
    batch_size: BatchSize | Literal["auto"] = Field(
        description="images at once; auto: as memory allows. It decides nothing but time"
    )

    @model_validator(mode="after")
    def _ascending(self) -> Attack:
        if len(set(self.epsilons)) < len(self.epsilons):
            twice = next(epsilon for epsilon in self.epsilons if self.epsilons.count(epsilon) > 1)
            raise ValueError(f"epsilons: expected each value once, found {twice:g} more than once. Name it once")
        if list(self.epsilons) != sorted(self.epsilons):
            raise ValueError(f"epsilons: expected ascending values, found {list(self.epsilons)}. Sort them")
        spelled = [f"{epsilon:g}" for epsilon in self.epsilons]
        if len(set(spelled)) < len(spelled):
            raise ValueError(
                f"epsilons: expected values that differ in their first six digits, which name them everywhere, found "
                f"{list(self.epsilons)}. Leave one out"
            )
        return self

    @model_validator(mode="after")
    def _values_compare(self) -> Attack:
        if self.search == "annealed" and self.gradient.is_random:
            raise ValueError(
                "search: expected one that does not go back to its best step, found annealed with a random gradient, "
                "whose steps do not compare. Use cosine, or set shift, scale and noise to 0"
            )
        return self


ControlKind = Literal["gaussian", "linear"]
CONTROL_KINDS: tuple[ControlKind, ...] = get_args(ControlKind)
"""The kinds of control images, in the order of tables and figures; each is also the name of its estimate."""


class Controls(Section):
    """Model-free perturbations of the anchor images at the attacks' realised norm (Figure 5)."""

    gaussian: bool
    linear_interpolation: bool
    n_images: CountOrNone = Field(description="of the anchors, given controls at every epsilon")
    repetitions: RepetitionsOfPairs

    @property
    def kinds(self) -> tuple[ControlKind, ...]:
        """The kinds of control that are switched on."""
        wanted: dict[ControlKind, bool] = {"gaussian": self.gaussian, "linear": self.linear_interpolation}
        return tuple(kind for kind in CONTROL_KINDS if wanted[kind])
