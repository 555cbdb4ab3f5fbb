"""The protocol's sections on attacks: how they are searched, and their controls."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section
from closedloop.artifacts.protocol.image_sensitivity import REPEATED
from closedloop.artifacts.protocol.numbers import (
    BatchSize,
    CountOrNone,
    DayNumber,
    Epsilon,
    GradientSteps,
    RepetitionsOfPairs,
    StepFraction,
    check_epsilons,
)


class Gradient(Section):
    """Which gradient a search follows; with nothing given the model's own, as in section 3.1."""

    shift: float = Field(default=0.0, ge=0, lt=1, description="largest random shift of the image over its side")
    scale: float = Field(default=0.0, ge=0, lt=1, description="largest random change of the size, as a fraction")
    noise: float = Field(default=0.0, ge=0, le=100, description="SD of white noise in [0, 1] pixel units")
    blur: float = Field(default=0.0, ge=0, lt=1, description="standard deviation of the gradient's blur over the side")
    soft_relu: float = Field(
        default=0.0,
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
    first_day: DayNumber = Field(
        default=0,
        description="day from which on images are attacked and controls shown; before it clean images alone, for day "
        "0's model has learned nothing",
    )

    @model_validator(mode="after")
    def _ascending(self) -> Attack:
        if len(set(self.epsilons)) < len(self.epsilons):
            twice = next(epsilon for epsilon in self.epsilons if self.epsilons.count(epsilon) > 1)
            raise ValueError(f"epsilons: expected each value once, found {twice:g} more than once. Name it once")
        check_epsilons(self.epsilons)
        return self

    @model_validator(mode="after")
    def _values_compare(self) -> Attack:
        if self.search == "annealed" and self.gradient.is_random:
            raise ValueError(
                "search: expected one that does not go back to its best step, found annealed with a random gradient, "
                "whose steps do not compare. Use cosine, or set shift, scale and noise to 0"
            )
        return self


ATTACK_KINDS = ("attacked", REPEATED)
"""The kinds that a search makes for a site, with a sealed sign; the estimators of all sites count the first alone."""

ControlKind = Literal["gaussian", "linear", "other_site", "yesterday", "sham"]
CONTROL_KINDS: tuple[ControlKind, ...] = get_args(ControlKind)
"""The kinds of control, in the order of tables and figures; each is also the name of its estimate."""

MODEL_FREE_KINDS: tuple[ControlKind, ...] = ("gaussian", "linear")
"""Controls that no model made, as large as the attacks: an attack that moves a site no more than these did nothing."""

SIZE_KINDS: tuple[ControlKind, ...] = ("gaussian", "linear", "other_site", "sham")
"""Controls whose sign nobody foretold, so that the size of their change is estimated (its root mean square)."""

SHAM_EPSILON = 0.0
"""The epsilon of a sham: nothing is changed."""


class Controls(Section):
    """What attacks are compared with: on anchor images, at the attacks' realised norm (Figure 5), or unchanged.

    Attacks at sites that they were not made for are a control too; they are shown anyway (`evaluation.other_site`).
    """

    gaussian: bool
    linear_interpolation: bool
    yesterday: bool = Field(
        default=False, description="the attacks on these anchors that the day before made and showed, shown again"
    )
    sham: bool = Field(
        default=False, description="these anchors as images of their own without a change, compared as if they had one"
    )
    n_images: CountOrNone = Field(description="of the anchors, given controls at every epsilon")
    repetitions: RepetitionsOfPairs

    @property
    def kinds(self) -> tuple[ControlKind, ...]:
        """The kinds of control that are switched on and shown as images of their own."""
        wanted = {
            "gaussian": self.gaussian,
            "linear": self.linear_interpolation,
            "yesterday": self.yesterday,
            "sham": self.sham,
        }
        return tuple(kind for kind in CONTROL_KINDS if wanted.get(kind))
