"""A gradient in which every member of an ensemble has the same say."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from closedloop.attacks.gradients.estimators import Draws, GradientEstimator, Plain
from closedloop.attacks.objectives import ValueAndGradient, ValueOf
from closedloop.models.way_back.member_gradients import equally_long


@dataclass(frozen=True)
class EqualMembers:
    """Another estimator's gradient with equally long gradients of an ensemble's members; its values stay.

    It is the sum of the members' directions, and its length means nothing: a search's steps have their own. Where the
    model is no ensemble, nothing changes.

    Attributes
    ----------
    of
        Whose gradient.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import EqualMembers, Ensemble
    >>> from closedloop.attacks.gradients.estimators import Draws
    >>> members = [torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(2, 1, bias=False)) for _ in range(2)]
    >>> members[0][1].weight.data = torch.tensor([[3.0, 0.0]])
    >>> members[1][1].weight.data = torch.tensor([[0.0, 0.5]])
    >>> together, images = Ensemble(members), torch.ones(1, 1, 1, 2)
    >>> draws = Draws(seeds=(1,), steps=(0,))
    >>> EqualMembers().estimate(lambda images: together(images)[:, 0], images, draws).gradient.flatten().tolist()
    [1.0, 1.0]
    """

    of: GradientEstimator = field(default_factory=Plain)

    @property
    def n_gradients(self) -> int:
        """Those of the estimator within."""
        return self.of.n_gradients

    @property
    def comparable(self) -> bool:
        """As of the estimator within."""
        return self.of.comparable

    def estimate(self, value_of: ValueOf, images: Tensor, draws: Draws) -> ValueAndGradient:
        """Return the value and the gradient in which members have the same say.

        Parameters
        ----------
        value_of, images, draws
            See `GradientEstimator.estimate`.
        """
        with equally_long():
            return self.of.estimate(value_of, images, draws)

    def value(self, value_of: ValueOf, images: Tensor) -> Tensor:
        """Return the value of the estimator within."""
        return self.of.value(value_of, images)
