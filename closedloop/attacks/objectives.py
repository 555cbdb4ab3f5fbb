"""What counts: a number an item that the search makes as large as it can."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

Model = Callable[[Tensor], Tensor]
"""Images (n_items, 3, height, width) in [0, 1] to responses (n_items, n_sites)."""

Objective = Callable[[Tensor], Tensor]
"""Images (n_items, 3, height, width) in [0, 1] to one value an item (n_items,), larger is better."""


class ValueAndGradient(NamedTuple):
    """An objective's value (n_items,) and its gradient with respect to the images (n_items, 3, height, width)."""

    value: Tensor
    gradient: Tensor


def signed_response(model: Model, *, site_index: Tensor, sign: Tensor) -> Objective:
    """``sign * r_i(x)``: drive each item's own site up (+1) or down (-1).

    Parameters
    ----------
    model
        Responses of all sites; must treat the images of a batch independently (a module in ``eval`` mode).
    site_index
        The site attacked in each item, shape (n_items,), int64.
    sign
        +1 or -1 for each item, shape (n_items,).
    """
    _check_independent(model)
    return lambda images: responses_of(model, images, site_index=site_index) * sign


def mse1000(model: Model, *, site_index: Tensor, sign: Tensor) -> Objective:
    """Minimise the paper's ``MSE(r_i(x + delta), +-1000)`` (section 3.1).

    Its gradient, ``2 (r - 1000 s) dr``, points along ``-s dr`` while ``|r| < 1000``, and the search normalises it: the
    steps are those of ``s r``, which is what is returned. Beyond 1000 the square would turn round and drive the site
    back; ``s r`` does not.
    """
    return signed_response(model, site_index=site_index, sign=sign)


def value_and_gradient(objective: Objective, images: Tensor) -> ValueAndGradient:
    """Evaluate an objective and its input gradient; no gradient of the model's weights is computed.

    A model that does not depend on its input at all has the gradient zero.
    """
    leaf = images.detach().requires_grad_()
    value = objective(leaf)
    if not value.requires_grad:
        return ValueAndGradient(value.detach(), torch.zeros_like(images))
    (gradient,) = torch.autograd.grad(value.sum(), leaf, materialize_grads=True)
    return ValueAndGradient(value.detach(), gradient)


def responses_of(model: Model, images: Tensor, *, site_index: Tensor) -> Tensor:
    """Response of each item's own site, shape (n_items,)."""
    return model(images).gather(1, site_index.view(-1, 1)).squeeze(1)


def _check_independent(model: Model) -> None:
    if isinstance(model, nn.Module) and model.training:
        raise ValueError("an attacked model must be in eval mode: in training mode its responses depend on the batch")
