"""What an item may be to attain, as plain values: its representation names it, and it goes to any process."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, Self

import torch
from torch import Tensor

from closedloop.attacks.aims.contrasts import Apart, OneHot
from closedloop.attacks.aims.levels import LevelSettings
from closedloop.attacks.objectives import Objective, PopulationVector, SignedResponse, TargetPattern

HowChanged = Literal["least", "any"]
"""Of the images at a level: the one nearest to the clean image, or the first that the search meets."""


class Aim(Protocol):
    """What an item is to attain. A new one is a frozen dataclass of plain values that says what counts for many."""

    @classmethod
    def together(cls, aims: Sequence[Self], device: torch.device) -> Objective:
        """Return what counts for many items with this kind of aim, a row an item, on a device."""
        ...


@dataclass(frozen=True)
class Drive:
    """An output as high as can be; of `directions`, -1 drives it down.

    Attributes
    ----------
    output_index
        Of the model.

    Examples
    --------
    >>> from closedloop.attacks import AttackItem, Drive
    >>> AttackItem("photo 0", image_index=0, site_index=3, epsilon=10.0, aim=Drive(3)).aim
    Drive(output_index=3)
    """

    output_index: int

    @classmethod
    def together(cls, aims: Sequence[Drive], device: torch.device) -> Objective:
        """Return the response of each item's own output."""
        places = _whole([aim.output_index for aim in aims], device)
        return SignedResponse(places, torch.ones(len(aims), device=device))


@dataclass(frozen=True)
class AtLevel:
    """A stated response, neither more nor less.

    Attributes
    ----------
    output_index
        Of the model.
    target
        Response to be reached, in the model's unit.
    tolerance
        How far from it still counts as reached, likewise.
    change
        Whether the image shall change as little as can be ("least"); "any" costs half the gradients, and of an image
        that is changed more the cortex does more of what the model says (docs/benchmarks.md).
    search
        By how many gradients it is searched.

    Examples
    --------
    >>> from closedloop.attacks import AtLevel
    >>> AtLevel(3, target=1.5, tolerance=0.02).change
    'least'
    """

    output_index: int
    target: float
    tolerance: float
    change: HowChanged = "least"
    search: LevelSettings = field(default_factory=LevelSettings)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.target) and self.tolerance > 0):
            raise ValueError(f"a level needs a finite target and a tolerance above 0, found {self}")

    @classmethod
    def together(cls, aims: Sequence[AtLevel], device: torch.device) -> Objective:
        """Return the response of each item's own output, which its search follows."""
        return Drive.together([Drive(aim.output_index) for aim in aims], device)


@dataclass(frozen=True)
class Along:
    """``w . r`` as large as can be: the population along a direction; with equal weights, all sites up (stretch).

    Attributes
    ----------
    weights
        One an output of the model.

    Examples
    --------
    >>> from closedloop.attacks import Along
    >>> Along((0.5, 0.5, 0.0)).weights
    (0.5, 0.5, 0.0)
    """

    weights: tuple[float, ...]

    @classmethod
    def together(cls, aims: Sequence[Along], device: torch.device) -> Objective:
        """Return the movement along each item's direction."""
        return PopulationVector(torch.tensor([aim.weights for aim in aims], dtype=torch.float32, device=device))


@dataclass(frozen=True)
class Alone:
    """One site high and the others low (`contrasts.OneHot`).

    Attributes
    ----------
    output_index
        The one.
    among
        Outputs that count, itself included.

    Examples
    --------
    >>> from closedloop.attacks import Alone
    >>> Alone(2, among=(0, 1, 2)).output_index
    2
    """

    output_index: int
    among: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.output_index not in self.among:
            raise ValueError(f"among: expected output {self.output_index} itself, found {self.among}")

    @classmethod
    def together(cls, aims: Sequence[Alone], device: torch.device) -> Objective:
        """Return each item's share among the outputs that count."""
        most = max(len(aim.among) for aim in aims)
        among = [[*aim.among, *[-1] * (most - len(aim.among))] for aim in aims]
        return OneHot(_whole([aim.output_index for aim in aims], device), torch.tensor(among, device=device))


@dataclass(frozen=True)
class Pattern:
    """All sites at stated responses (`objectives.TargetPattern`).

    Attributes
    ----------
    target
        One an output of the model; NaN where it is free.

    Examples
    --------
    >>> from closedloop.attacks import Pattern
    >>> Pattern((1.5, -0.5, float("nan"))).target[0]
    1.5
    """

    target: tuple[float, ...]

    @classmethod
    def together(cls, aims: Sequence[Pattern], device: torch.device) -> Objective:
        """Return minus the mean squared distance from each item's pattern."""
        return TargetPattern(torch.tensor([aim.target for aim in aims], dtype=torch.float32, device=device))


@dataclass(frozen=True)
class Controversial:
    """An output up while another goes down, or is held where it is (`contrasts.Apart`).

    The outputs of two models stand beside each other in one (`side_by_side.OutputsSideBySide`).

    Attributes
    ----------
    raised, other
        Outputs of the model.
    held
        Where the other is to stay, in the model's unit; None drives it down.
    stiffness
        How dear it is to leave that place: the square of the distance counts so many times.

    Examples
    --------
    >>> from closedloop.attacks import Controversial
    >>> Controversial(raised=3, other=24).held is None
    True
    """

    raised: int
    other: int
    held: float | None = None
    stiffness: float = 4.0

    @classmethod
    def together(cls, aims: Sequence[Controversial], device: torch.device) -> Objective:
        """Return how far apart the two outputs of each item are."""
        floats = [(1.0, 0.0, 0.0) if aim.held is None else (0.0, aim.stiffness, aim.held) for aim in aims]
        weight, stiffness, held = torch.tensor(floats, dtype=torch.float32, device=device).unbind(dim=1)
        return Apart(
            _whole([aim.raised for aim in aims], device),
            _whole([aim.other for aim in aims], device),
            weight=weight,
            stiffness=stiffness,
            held=held,
        )


def _whole(values: Sequence[int], device: torch.device) -> Tensor:
    return torch.tensor(list(values), dtype=torch.int64, device=device)
