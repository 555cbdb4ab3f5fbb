"""What counts: a number an item that the search makes as large as it can, from the model's responses to its image.

An objective holds one row of parameters an item. The engine asks for the values of any rows in any order, so that a
batch may mix items.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

Model = Callable[[Tensor], Tensor]
"""Images (n_items, 3, height, width) in [0, 1] to responses (n_items, n_outputs)."""

ValueOf = Callable[[Tensor], Tensor]
"""Images (n_items, 3, height, width) in [0, 1] to one value an item (n_items,), larger is better."""


class Objective(Protocol):
    """Responses of some items to one value each, larger is better."""

    def value(self, responses: Tensor, rows: Tensor) -> Tensor:
        """Evaluate items.

        Parameters
        ----------
        responses
            What the model answers to the items' images, shape (n, n_outputs).
        rows
            Which items these are: rows of the objective's parameters, int64, shape (n,).

        Returns
        -------
        Tensor
            Shape (n,).
        """
        ...


@dataclass(frozen=True)
class SignedResponse:
    """``sign * r_i(x)``: drive each item's own output up (+1) or down (-1).

    Attributes
    ----------
    output_index
        The model's output attacked in each item, int64, shape (n_items,).
    sign
        +1 or -1 for each item, shape (n_items,).

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import SignedResponse
    >>> responses, rows = torch.tensor([[3.0, 4.0]]), torch.tensor([0])
    >>> SignedResponse(output_index=torch.tensor([1]), sign=torch.tensor([-1.0])).value(responses, rows).tolist()
    [-4.0]
    """

    output_index: Tensor
    sign: Tensor

    def value(self, responses: Tensor, rows: Tensor) -> Tensor:
        """Return ``sign * r_i``, (n,)."""
        return response_of(responses, self.output_index[rows]) * self.sign[rows].to(responses.dtype)


@dataclass(frozen=True)
class Mse1000:
    """The paper's loss, negated: ``-(r_i(x) - 1000 sign)^2`` (section 3.1).

    Its gradient points along ``sign * dr`` while ``|r| < 1000``, where a normalised step is that of `SignedResponse`.
    Beyond 1000 the paper's square turns round and drives the site back; here it is linear from there on, so that a site
    is driven on.

    Attributes
    ----------
    output_index, sign
        As for `SignedResponse`.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import Mse1000
    >>> responses, rows = torch.tensor([[3.0, 4.0]]), torch.tensor([0])
    >>> Mse1000(output_index=torch.tensor([1]), sign=torch.tensor([1.0])).value(responses, rows).tolist()
    [-992016.0]
    """

    output_index: Tensor
    sign: Tensor

    def value(self, responses: Tensor, rows: Tensor) -> Tensor:
        """Return minus the squared distance to the target, (n,); beyond it, the distance passed."""
        driven = response_of(responses, self.output_index[rows]) * self.sign[rows].to(responses.dtype)
        short = driven - _TARGET
        return torch.where(short < 0, -(short * short), short)


@dataclass(frozen=True)
class PopulationVector:
    """``w . r(x)``: move the population along a direction.

    Attributes
    ----------
    weights
        One direction an item, shape (n_items, n_outputs).

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import PopulationVector
    >>> responses, rows = torch.tensor([[3.0, 4.0]]), torch.tensor([0])
    >>> PopulationVector(weights=torch.tensor([[1.0, -1.0]])).value(responses, rows).tolist()
    [-1.0]
    """

    weights: Tensor

    def value(self, responses: Tensor, rows: Tensor) -> Tensor:
        """Return ``sum_k w_k r_k``, (n,)."""
        return (responses * self.weights[rows].to(responses.dtype)).sum(dim=1)


@dataclass(frozen=True)
class DecoderMargin:
    """``max_{k != y} s_k(x) - s_y(x)``: make a linear decoder's best other category beat the true one.

    The scores are ``s_k(x) = w_k . r(x) + b_k``. Above 0 the decoder is wrong. Which category is the best other may
    change on the way.

    Attributes
    ----------
    weights
        Of the decoder, (n_categories, n_outputs).
    offsets
        (n_categories,).
    category
        The true one of each item, int64, (n_items,).

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import DecoderMargin
    >>> responses, rows = torch.tensor([[3.0, 4.0]]), torch.tensor([0])
    >>> margin = DecoderMargin(torch.eye(2), torch.zeros(2), category=torch.tensor([0]))
    >>> margin.value(responses, rows).tolist()
    [1.0]
    """

    weights: Tensor
    offsets: Tensor
    category: Tensor

    def value(self, responses: Tensor, rows: Tensor) -> Tensor:
        """Return the best other score minus the true one, (n,)."""
        scores = responses @ self.weights.T.to(responses.dtype) + self.offsets.to(responses.dtype)
        return response_of(best_other_minus_own(scores), self.category[rows])


@dataclass(frozen=True)
class TargetPattern:
    """``-mean_k (r_k(x) - t_k)^2``: bring the population to a pattern.

    Attributes
    ----------
    target
        One pattern an item, shape (n_items, n_outputs); NaN where an output is free.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import TargetPattern
    >>> responses, rows = torch.tensor([[3.0, 4.0]]), torch.tensor([0])
    >>> TargetPattern(target=torch.tensor([[5.0, float('nan')]])).value(responses, rows).tolist()
    [-4.0]
    """

    target: Tensor

    def value(self, responses: Tensor, rows: Tensor) -> Tensor:
        """Return minus the mean squared distance over the outputs that matter, (n,)."""
        target = self.target[rows].to(responses.dtype)
        matters = ~target.isnan()
        distance = torch.where(matters, responses - target.nan_to_num(), torch.zeros_like(responses))
        return -distance.square().sum(dim=1) / matters.sum(dim=1).clamp_min(1)


@dataclass(frozen=True)
class LayerDisplacement:
    """``|F(x) - F_0|^2``: move a layer's features as far as can be from where they are (appendix 6.1, criterion C).

    At the clean image, where the features are F_0, its gradient is zero: a search needs a random start.

    Attributes
    ----------
    features
        Of each item's clean image, shape (n_items, n_features): what the model answers to it.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import LayerDisplacement
    >>> features, rows = torch.tensor([[3.0, 4.0]]), torch.tensor([0])
    >>> LayerDisplacement(features=torch.tensor([[0.0, 0.0]])).value(features, rows).tolist()
    [25.0]
    """

    features: Tensor

    def value(self, responses: Tensor, rows: Tensor) -> Tensor:
        """Return the squared distance from the clean image's features, (n,)."""
        return (responses - self.features[rows].to(responses.dtype)).square().sum(dim=1)


class ValueAndGradient(NamedTuple):
    """An objective's value (n_items,) and its gradient with respect to the images (n_items, 3, height, width)."""

    value: Tensor
    gradient: Tensor


def value_and_gradient(value_of: ValueOf, images: Tensor) -> ValueAndGradient:
    """Evaluate an objective and its input gradient; no gradient of the model's weights is computed.

    A model that does not depend on its input at all has the gradient zero.
    """
    leaf = images.detach().requires_grad_()
    value = value_of(leaf)
    if not value.requires_grad:
        return ValueAndGradient(value.detach(), torch.zeros_like(images))
    (gradient,) = torch.autograd.grad(value.sum(), leaf, materialize_grads=True)
    return ValueAndGradient(value.detach(), gradient)


def response_of(responses: Tensor, output_index: Tensor) -> Tensor:
    """Response of each item's own output, shape (n_items,)."""
    return responses.gather(1, output_index.view(-1, 1)).squeeze(1)


def best_other_minus_own(scores: Tensor) -> Tensor:
    """Return for every category the largest score of all others minus its own, (n_items, n_categories)."""
    (first, second), best = scores.topk(2, dim=1).values.unbind(dim=1), scores.argmax(dim=1)
    is_best = torch.arange(scores.shape[1], device=scores.device) == best[:, None]
    return torch.where(is_best, second[:, None], first[:, None]) - scores


def check_independent(model: Model) -> None:
    """Refuse a model whose responses depend on the batch.

    Raises
    ------
    ValueError
        It is in training mode.
    """
    if isinstance(model, nn.Module) and any(part.training for part in model.modules()):
        raise ValueError("an attacked model must be in eval mode: in training mode its responses depend on the batch")


_TARGET = 1000.0
