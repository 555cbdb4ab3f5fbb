"""The protocol's searches as settings of the attack engine: of the section `attack`, and of white-box attacks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from closedloop.artifacts.protocol.analysis import Evaluation
from closedloop.artifacts.protocol.arms.section import Arm
from closedloop.artifacts.protocol.attack import Attack, Gradient
from closedloop.artifacts.protocol.population import Population
from closedloop.artifacts.protocol.probes import Probes
from closedloop.attacks.gradients.estimators import Averaged, Blurred, GradientEstimator, Plain, SoftRelu
from closedloop.attacks.gradients.members import EqualMembers
from closedloop.attacks.gradients.transforms import Noise, Scale, Shift, Transform
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import COSINE, SEARCHES, Schedule
from closedloop.errors import ProtocolError

_NO_MEMORY = ("alloc", "out of memory")  # torch's words, on the processor and on a card


def method_of(attack: Attack) -> Method:
    """Return how the day's attacks are searched."""
    search = replace(SEARCHES[attack.search], steps=attack.steps, step_fraction=attack.step_fraction)
    return Method(search, estimator_of(attack.gradient))


def method_of_arm(arm: Arm) -> Method:
    """Return how an arm's attacks are searched."""
    search = replace(SEARCHES[arm.search], steps=arm.steps, step_fraction=arm.step_fraction)
    return Method(search, estimator_of(arm.gradient))


def probe_method_of(probes: Probes) -> Method:
    """Return how the day's probes are searched."""
    search = replace(COSINE, steps=probes.steps, step_fraction=probes.step_fraction)
    return Method(search, estimator_of(probes.gradient))


def population_method_of(population: Population) -> Method:
    """Return how the day's attacks on a decoder are searched."""
    search = replace(COSINE, steps=population.steps, step_fraction=population.step_fraction)
    return Method(search, estimator_of(population.gradient))


def white_box_search_of(evaluation: Evaluation) -> Schedule:
    """Return how the hidden cortex is attacked with its own gradient."""
    search = SEARCHES[evaluation.white_box_search]
    return replace(search, steps=evaluation.white_box_steps, restarts=evaluation.white_box_restarts)


@contextmanager
def memory_for_batches(attack: Attack, protocol: Path) -> Iterator[None]:
    """Turn the want of memory for as many images at once as were asked for into a line that names the key.

    Parameters
    ----------
    attack
        The protocol's section.
    protocol
        Where it stands.

    Raises
    ------
    ProtocolError
        This machine has no room for `batch_size` images.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        of_memory = isinstance(error, MemoryError) or any(word in str(error).lower() for word in _NO_MEMORY)
        if attack.batch_size == "auto" or not of_memory:
            raise
        raise ProtocolError(
            f"{protocol}, attack.batch_size: expected as many images at once as the memory here has room for, found "
            f"{attack.batch_size:,}. Lower it, or write auto."
        ) from error


def lattice_of(gradient: Gradient) -> LatticeSettings:
    """Return how float optima found by a gradient are put on eight bits.

    Steps from one lattice image to the next follow the gradient at single images. Under a smoothed gradient they were
    measured to raise what the model predicts and to lower what the cortex does (docs/decisions/0012).
    """
    return LatticeSettings() if gradient == Gradient() else LatticeSettings(steps=0)


def estimator_of(gradient: Gradient) -> GradientEstimator:
    """Return the gradient a search follows.

    Random changes first, past rectifiers soft or not, through members with the same say or not; their mean blurred.
    """
    transforms = _transforms(gradient)
    estimator: GradientEstimator = Averaged(transforms, samples=gradient.samples) if transforms else Plain()
    if gradient.soft_relu > 0:
        estimator = SoftRelu(gradient.soft_relu, estimator)
    if gradient.equal_members:
        estimator = EqualMembers(estimator)
    return Blurred(gradient.blur, estimator) if gradient.blur > 0 else estimator


def _transforms(gradient: Gradient) -> tuple[Transform, ...]:
    wanted: tuple[tuple[float, type[Shift | Scale | Noise]], ...] = (
        (gradient.scale, Scale),
        (gradient.shift, Shift),
        (gradient.noise, Noise),
    )
    return tuple(transform(size) for size, transform in wanted if size > 0)
