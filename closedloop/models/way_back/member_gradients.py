"""The say that each member of an ensemble has in the gradient of their mean response.

The mean's gradient is made of the members', of which the longest counts most: rectifiers that are softened
(`rectifiers`) shorten a member's gradient and leave a smooth member's as it is. In `equally_long` each member's
gradient of an image has length 1. What is computed forwards is unchanged to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

_EQUAL: ContextVar[bool] = ContextVar("members' gradients are equally long", default=False)


@contextmanager
def equally_long() -> Iterator[None]:
    """Context in which the members of an ensemble have equally long gradients."""
    token = _EQUAL.set(True)
    try:
        yield
    finally:
        _EQUAL.reset(token)


def images_of_member(images: Tensor) -> Tensor:
    """Return the images, (n, 3, height, width), as one member of an ensemble takes them.

    In ``equally_long`` each image's gradient through this member becomes one of length 1; of 0 it stays 0.
    """
    if not (_EQUAL.get() and torch.is_grad_enabled() and images.requires_grad):
        return images
    same: Tensor = _WithUnitGradient.apply(images)  # type: ignore[no-untyped-call]
    return same


class _WithUnitGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Tensor:  # noqa: ARG004 - torch's signature
        return images.view_as(images)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004 - torch's signature
        return functional.normalize(gradient.flatten(1), dim=1, eps=_LEAST).view_as(gradient)


_LEAST = 1e-30  # far below any gradient's length, above what float32 can invert
