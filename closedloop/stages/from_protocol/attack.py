"""The section `attack` as settings of the attack engine: a method and a lattice."""

from __future__ import annotations

from dataclasses import replace

from closedloop.artifacts.protocol.attack import Attack, Gradient
from closedloop.attacks.gradients.estimators import Averaged, Blurred, GradientEstimator, Plain
from closedloop.attacks.gradients.transforms import Noise, Scale, Shift, Transform
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import SEARCHES


def method_of(attack: Attack) -> Method:
    """Return how the day's attacks are searched."""
    search = replace(SEARCHES[attack.search], steps=attack.steps, step_fraction=attack.step_fraction)
    return Method(search, estimator_of(attack.gradient))


def lattice_of(gradient: Gradient) -> LatticeSettings:
    """Return how float optima found by a gradient are put on eight bits.

    Steps from one lattice image to the next follow the gradient at single images. Under a smoothed gradient they were
    measured to raise what the model predicts and to lower what the cortex does (docs/decisions/0012).
    """
    return LatticeSettings() if gradient == Gradient() else LatticeSettings(steps=0)


def estimator_of(gradient: Gradient) -> GradientEstimator:
    """Return the gradient a search follows: random changes first, their mean blurred."""
    transforms = _transforms(gradient)
    estimator: GradientEstimator = Averaged(transforms, samples=gradient.samples) if transforms else Plain()
    return Blurred(gradient.blur, estimator) if gradient.blur > 0 else estimator


def _transforms(gradient: Gradient) -> tuple[Transform, ...]:
    wanted: tuple[tuple[float, type[Shift | Scale | Noise]], ...] = (
        (gradient.scale, Scale),
        (gradient.shift, Shift),
        (gradient.noise, Noise),
    )
    return tuple(transform(size) for size, transform in wanted if size > 0)
