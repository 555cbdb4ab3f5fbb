"""A recipe of the loop: what a day shows to be fitted, how it is fitted, and which gradient is followed.

A recipe is a small YAML file; those with names stand at the end of this file. What a recipe does not say is the paper's
way at the dry run's numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section, validate
from closedloop.artifacts.protocol.analysis import Fit
from closedloop.artifacts.protocol.attack import Gradient
from closedloop.artifacts.protocol.protocol import LEAST_CLEAN_OF_ROUND
from closedloop.errors import ProtocolError
from closedloop.plain_text.suggestions import did_you_mean
from closedloop.plain_text.yaml_text import read_yaml

_MOST_IMAGES = 100_000


class RecipeMember(Section):
    """A base model that the day's model consists of."""

    weights: str = Field(default="small_resnet_robust", description="shipped name or weight file")
    layer: str = Field(default="layer3.0", description="where it is cut")
    decay_power: float | None = Field(default=None, ge=0, description="its own, in place of the fit's")


class RecipeProbes(Section):
    """Images shown because the members disagree on them, or because together they expect most there."""

    n_images: int = Field(default=0, ge=0, le=_MOST_IMAGES, description="a day, each shown once; none on day 0")
    epsilon: float = Field(default=30.0, gt=0, description="L2, at 224 px")
    steps: int = Field(default=5, ge=1, description="gradients a probe")
    of: Literal["fresh", "shown"] = Field(
        default="fresh", description="what is changed: images never shown, or the day's clean ones, several times each"
    )
    site: Literal["turns", "disagreement"] = Field(
        default="turns",
        description="whose difference an image is driven by: the sites by turns, or that at which the two members "
        "differ most before it is driven",
    )
    expected_share: float = Field(
        default=0.0, ge=0, le=1, description="share that drives the members' mean instead of a difference of two"
    )


class Descent(Fit):
    """How a day's refit descends, as a protocol says it; what is not said is the paper's way at the dry run's rates."""

    readout_start: Literal["random", "closed_form"] = "random"
    first_epochs: int | None = Field(default=5, ge=1, description="on day 0; null: as on the others")
    epochs: int = Field(default=5, ge=1, description="on later days, over all of its rounds")
    weight_decay: float = Field(default=0.3, ge=0, description="at `decay_images` images and below")
    decay_images: int | None = Field(default=1000, ge=1)
    decay_power: float = Field(default=0.0, ge=0, description="decay = weight_decay (decay_images / images) ** this")
    base_learning_rate: float = Field(default=1e-3, ge=0)
    readout_learning_rate: float = Field(default=1e-2, ge=0)
    batch_size: int = Field(default=32, ge=1)
    ridge: float = Field(default=0.1, gt=0)

    def of_member(self, member: RecipeMember) -> Fit:
        """Return the section of a member, which may have a power of its own."""
        return self if member.decay_power is None else self.model_copy(update={"decay_power": member.decay_power})


class FollowedGradient(Gradient):
    """Which gradient attacks follow, as a protocol says it (docs/decisions/0012), and for how long."""

    shift: float = Field(default=0.094, ge=0, lt=1, description="largest shift, as a fraction of the side")
    blur: float = Field(default=0.025, ge=0, lt=1, description="SD of the blur, likewise")
    steps: int = Field(default=10, ge=1, description="gradients an attack")


class Recipe(Section):
    """One road from responses to attacks.

    Parameters
    ----------
    name
        In tables and figures.
    """

    name: str = Field(max_length=40, pattern=r"^[a-z0-9_]+$")
    members: tuple[RecipeMember, ...] = Field(default=(RecipeMember(),), min_length=1)
    first_clean: int = Field(default=300, ge=2, le=_MOST_IMAGES, description="clean images of day 0, each shown once")
    clean: int = Field(default=300, ge=1, le=_MOST_IMAGES, description="clean images of a later day, each shown once")
    normalizers: int = Field(default=25, ge=2, description="images shown on every day, by which days are z-scored")
    normalizer_repetitions: int = Field(default=4, ge=1)
    rounds: int = Field(default=1, ge=1, description="parts of a later day, a refit after each")
    probes: RecipeProbes = RecipeProbes()
    fit: Descent = Descent()
    gradient: FollowedGradient = FollowedGradient()

    @model_validator(mode="after")
    def _every_round_has_images(self) -> Recipe:
        if self.rounds > 1 and self.clean < LEAST_CLEAN_OF_ROUND * self.rounds:
            raise ValueError(
                f"rounds: expected at most {max(self.clean // LEAST_CLEAN_OF_ROUND, 1)}, with {LEAST_CLEAN_OF_ROUND} "
                f"of clean ({self.clean}) in each, found {self.rounds}. Use fewer, or more clean images"
            )
        return self

    @property
    def n_fitted(self) -> int:
        """Presentations of a later day that are fitted."""
        return self.clean + self.probes.n_images


def named_recipes() -> dict[str, Recipe]:
    """Return the recipes that ship, by name."""
    return {recipe.name: recipe for recipe in _SHIPPED}


def read_recipe(source: str) -> Recipe:
    """Return a recipe by its name, or read it from a file.

    Raises
    ------
    ProtocolError
        There is none of this name, or the file is missing or says something that cannot be.
    """
    known = named_recipes()
    if source in known:
        return known[source]
    path = Path(source)
    if not path.suffix:
        raise ProtocolError(
            f"--recipe {source}: expected one of {', '.join(known)}, or a file. {did_you_mean(source, known)}"
            "Correct it."
        )
    plain = read_yaml(path, missing="expected a recipe, found none. Correct the name.", error=ProtocolError)
    return validate(Recipe, plain, place=str(path), error=ProtocolError)


# Cosine of a ResNet alone: .280 with a decay of .15 at 2,200 images, .294 with .3; at 6,600 images .393 with .1, .397
# with .05; batches of 64 at these rates .294 where 32 at half of them had .272. Shifts: docs/decisions/0061.
_FALLING = Descent(
    first_epochs=30,
    epochs=12,
    weight_decay=0.3,
    decay_images=2896,
    decay_power=1.2,
    base_learning_rate=2e-3,
    readout_learning_rate=2e-2,
    batch_size=64,
    shift=0.094,
)
_SOFT = FollowedGradient(soft_relu=3, equal_members=True)
_SMOOTH = RecipeMember(weights="small_smooth_robust")
_SHIPPED = (
    Recipe(name="paper", fit=Descent(weight_decay=1e-4), gradient=FollowedGradient(shift=0, blur=0)),
    Recipe(  # of as many presentations as protocols/ahead.yaml, and as it fits
        name="ahead",
        members=(RecipeMember(), RecipeMember(weights="small_plain_robust"), _SMOOTH, _SMOOTH),
        first_clean=2896,
        clean=296,
        probes=RecipeProbes(n_images=1970, of="shown"),
        fit=_FALLING,
        gradient=_SOFT.model_copy(update={"steps": 20}),
    ),
    Recipe(  # as protocols/dry_run.yaml
        name="quick",
        members=(RecipeMember(), _SMOOTH),
        first_clean=1382,
        clean=582,
        probes=RecipeProbes(n_images=800, steps=3, of="shown"),
        fit=_FALLING.model_copy(update={"first_epochs": 14, "epochs": 3, "decay_images": 1400}),
        gradient=_SOFT.model_copy(update={"steps": 8}),
    ),
)
