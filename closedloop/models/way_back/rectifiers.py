"""Rectifications whose derivative an attack may soften: the way there stays, the way back sees no kink.

A rectifier's derivative jumps at 0, and on which side of it a value lies changes with the next small step: of a
gradient through many rectifiers much is chance. In `softened` the derivative is that of a smooth rectifier instead,
``sigmoid(slope x / SD)`` where x is what is rectified and SD its standard deviation over the image's whole map, so that
an image's gradient does not depend on its neighbours in the batch. What is computed forwards is unchanged to the bit.
Activations without a kink keep their own derivative.

Source: Xie et al. 2020 (smooth adversarial training: a rectifier forwards, a smooth one backwards).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from closedloop.models.networks.trunk import own_modules

_SLOPE: ContextVar[float] = ContextVar("slope of the rectifiers' derivative", default=0.0)


@contextmanager
def softened(slope: float) -> Iterator[None]:
    """Context in which rectifiers take part with a soft derivative.

    Parameters
    ----------
    slope
        How steep, in standard deviations of what is rectified; 0 leaves the derivative as it is.
    """
    token = _SLOPE.set(slope)
    try:
        yield
    finally:
        _SLOPE.reset(token)


def current_slope() -> float:
    """Return the slope of the context; 0 outside of any."""
    return _SLOPE.get()


class Rectifier(nn.Module):
    """Rectification, with a derivative that ``softened`` softens.

    Parameters
    ----------
    leak
        Slope below 0 (Maas et al. 2013).
    in_place
        Whether what is rectified may be written over; a network may use it again.
    """

    def __init__(self, leak: float = 0.0, *, in_place: bool = True) -> None:
        super().__init__()
        self.leak, self.in_place = leak, in_place

    def forward(self, x: Tensor) -> Tensor:
        """Rectify a map of any shape, (n, ...)."""
        return rectify(x if self.in_place else x.clone(), leak=self.leak)


def rectify(x: Tensor, *, leak: float = 0.0) -> Tensor:
    """Rectify in place: x where it is above 0, else ``leak x``."""
    slope = current_slope()
    if slope and torch.is_grad_enabled() and x.requires_grad:
        rectified: Tensor = _SoftlyRectified.apply(x, leak, slope)  # type: ignore[no-untyped-call]
        return rectified
    return rectify_(x, leak=leak)


def rectify_(x: Tensor, *, leak: float = 0.0) -> Tensor:
    """Rectify in place, with torch's own derivative."""
    return nn.functional.leaky_relu_(x, leak) if leak else torch.relu_(x)


def replace_rectifiers(module: nn.Module) -> None:
    """Replace every ``nn.ReLU`` and ``nn.LeakyReLU`` by one whose derivative can be softened, in place.

    Of networks from elsewhere nobody knows whether what is rectified is used again: there a rectifier that kept it goes
    on keeping it.
    """
    own = {id(inner) for inner in own_modules(module)}
    for inner in list(module.modules()):
        for name, child in list(inner.named_children()):
            if type(child) in (nn.ReLU, nn.LeakyReLU):
                leak = child.negative_slope if isinstance(child, nn.LeakyReLU) else 0.0
                in_place = bool(child.inplace) or id(inner) in own
                setattr(inner, name, Rectifier(leak, in_place=in_place).train(child.training))


def soft_gradient(gradient: Tensor, before: Tensor, *, slope: float, leak: float = 0.0) -> Tensor:
    """Gradient past a rectifier by the derivative of a smooth one.

    Parameters
    ----------
    gradient
        Of what comes out of the rectifier, shape (n, ...).
    before
        What went in, same shape.
    slope
        In standard deviations of `before` over each of the n maps.
    leak
        Slope below 0.

    Returns
    -------
    ``gradient * (leak + (1 - leak) sigmoid(slope * before / SD))``.
    """
    factor = (slope / _spread(before)).to(before.dtype).view(-1, *[1] * (before.dim() - 1))
    scaled: Tensor = before * factor
    # the gradient of softplus is the product with the sigmoid, in one pass over memory
    soft: Tensor = torch.ops.aten.softplus_backward.grad_input(gradient, scaled, 1.0, _LINEAR_FROM, grad_input=scaled)
    return soft.lerp_(gradient, leak) if leak else soft


def _spread(maps: Tensor) -> Tensor:
    """Compute each map's standard deviation, (n,), in float32 at least; of a map of one value the smallest number.

    By two sums, each a pass that the processor vectorises: torch's own took fifty times as long. Each map is summed up
    in the order in which it lies in memory, whatever the number of maps.
    """
    channels_last = maps.dim() == _IMAGES and maps.is_contiguous(memory_format=torch.channels_last)
    rows = (maps.permute(0, 2, 3, 1) if channels_last else maps).flatten(1)
    dtype = torch.promote_types(maps.dtype, torch.float32)
    squares = torch.linalg.vector_norm(rows, dim=1, dtype=dtype).square() / rows.shape[1]
    variance: Tensor = squares - rows.mean(dim=1, dtype=dtype).square()
    return variance.clamp_min(torch.finfo(dtype).tiny).sqrt()


class _SoftlyRectified(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, leak: float, slope: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.leak, ctx.slope = leak, slope
        return nn.functional.leaky_relu(x, leak) if leak else torch.relu(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        return soft_gradient(gradient, x, slope=ctx.slope, leak=ctx.leak), None, None


_LINEAR_FROM = 20.0  # where softplus is taken for the identity; sigmoid(20) is 1 in float32
_IMAGES = 4  # axes of (n, channels, height, width)
