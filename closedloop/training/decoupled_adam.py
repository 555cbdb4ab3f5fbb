"""AdamW as torch computes it, without the class of torch's: that one loads torch's compiler, which takes seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw

_BETAS, _EPSILON = (0.9, 0.999), 1e-8  # torch's own
_ZEROS = ("exp_avg", "exp_avg_sq")


@dataclass
class WeightGroup:
    """Weights that descend at one rate.

    Attributes
    ----------
    weights
        Changed in place.
    rate
        Of learning; may be set before any step.
    """

    weights: list[Tensor]
    rate: float


class DecoupledAdam:
    """Adam with decoupled weight decay: the weights and the state of `torch.optim.AdamW`, bit for bit.

    Parameters
    ----------
    groups
        What descends, each group at its own rate.
    weight_decay
        Of all of them.
    """

    def __init__(self, groups: Sequence[WeightGroup], *, weight_decay: float) -> None:
        self.groups = tuple(groups)
        self.weight_decay = weight_decay
        self._state: dict[int, dict[str, Tensor]] = {}

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for weight in self._weights():
            weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move the weights that have a gradient."""
        first = 0
        for group in self.groups:
            moved = [(first + place, weight) for place, weight in enumerate(group.weights) if weight.grad is not None]
            first += len(group.weights)
            states = [self._state_of(number, weight) for number, weight in moved]
            adamw(
                [weight for _, weight in moved],
                [weight.grad for _, weight in moved if weight.grad is not None],
                exp_avgs=[state["exp_avg"] for state in states],
                exp_avg_sqs=[state["exp_avg_sq"] for state in states],
                max_exp_avg_sqs=[],
                state_steps=[state["step"] for state in states],
                amsgrad=False,
                beta1=_BETAS[0],
                beta2=_BETAS[1],
                lr=group.rate,
                weight_decay=self.weight_decay,
                eps=_EPSILON,
                maximize=False,
            )

    def state_dict(self) -> dict[str, Any]:
        """Return what a later run goes on from, by a weight's place among all."""
        return {"state": self._state}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state, of this class or of torch's.

        Raises
        ------
        ValueError
            It is of other weights.
        """
        weights = self._weights()
        states: Mapping[int, Mapping[str, Tensor]] = state_dict["state"]
        for number, state in states.items():
            shapes = [tuple(state[name].shape) for name in _ZEROS]
            if number >= len(weights) or shapes != [tuple(weights[number].shape)] * 2:
                raise ValueError(f"weight {number} has not the shape {shapes[0]}")
        self._state = {
            number: {
                "step": state["step"].detach().clone().cpu(),
                **{name: torch.zeros_like(weights[number]).copy_(state[name]).detach() for name in _ZEROS},
            }
            for number, state in states.items()
        }

    def follow(self) -> None:
        """Move the state to where the weights have been moved."""
        weights = self._weights()
        for number, state in self._state.items():
            state |= {name: state[name].to(weights[number].device) for name in _ZEROS}

    def _weights(self) -> list[Tensor]:
        return [weight for group in self.groups for weight in group.weights]

    def _state_of(self, number: int, weight: Tensor) -> dict[str, Tensor]:
        if number not in self._state:
            zeros = {name: torch.zeros_like(weight, memory_format=torch.preserve_format) for name in _ZEROS}
            self._state[number] = {"step": torch.tensor(0.0), **zeros}
        return self._state[number]
