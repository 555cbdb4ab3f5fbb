"""What `attack` asks of its arguments before it searches; each refusal says what was expected and what was found."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from closedloop.attacks.engine.evaluation import PADDED_TO, Evaluator, Width
from closedloop.attacks.objectives import SignedResponse, check_independent
from closedloop.attacks.problem import ImageSource, Method, Problem
from closedloop.models.site_model import device_of

_IMAGES = "uint8 numpy array (n, side, side, 3) or float32 torch tensor (n, 3, side, side) in [0, 1]"


def check_images(images: NDArray[np.uint8] | Tensor) -> None:
    """Refuse what is no images, float pixels outside [0, 1], and a tensor that needs a gradient itself.

    Raises
    ------
    TypeError
        It is neither an array nor a tensor.
    ValueError
        Its type, shape or pixels are others.
    """
    if not isinstance(images, np.ndarray | Tensor):
        raise TypeError(f"images: expected {_IMAGES}, found {type(images).__name__}")
    shape = tuple(images.shape)
    if isinstance(images, Tensor):
        kind, typed, sides, channels = "torch tensor", images.is_floating_point(), shape[2:], shape[1:2]
    else:
        kind, typed, sides, channels = "numpy array", images.dtype == np.uint8, shape[1:3], shape[3:]
    if not typed or len(shape) != 4 or channels != (3,) or sides[0] != sides[1] or not sides[0]:
        raise ValueError(f"images: expected {_IMAGES}, found {_type_name(images)} {kind} {shape}")
    if not len(images):
        raise ValueError(f"images: expected at least one, found none: {shape}")
    if isinstance(images, Tensor):
        low, high = images.min().item(), images.max().item()  # NaN where any pixel is
        if not (low >= 0 and high <= 1):
            raise ValueError(f"images: expected pixels in [0, 1], found {low} to {high}")
        if images.requires_grad:
            raise ValueError("images: expected a tensor without requires_grad, found one with it. Use images.detach()")


def check_numbers(epsilon: float, directions: tuple[int, ...], batch_size: int) -> None:
    """Refuse numbers out of their range.

    Parameters
    ----------
    epsilon
        Finite, at least 0.
    directions
        +1, -1 or both.
    batch_size
        At least 1.

    Raises
    ------
    TypeError
        Epsilon is no number.
    ValueError
        One is another.
    """
    try:
        fits = math.isfinite(epsilon) and epsilon >= 0
    except TypeError as error:
        raise TypeError(f"epsilon: expected one number, found {epsilon!r}") from error
    if not fits:
        raise ValueError(f"epsilon: expected a finite number of at least 0, found {epsilon}")
    if not directions or not set(directions) <= {+1, -1} or len(set(directions)) < len(directions):
        raise ValueError(f"directions: expected +1, -1 or both, found {directions}")
    if not isinstance(batch_size, int | np.integer) or batch_size < 1:
        raise ValueError(f"batch_size: expected a whole number of at least 1, found {batch_size!r}")


def choose_outputs(output: int | Sequence[int], n_images: int) -> list[int]:
    """Return each image's output, from one for all or one an image.

    Raises
    ------
    TypeError
        It is no whole number.
    ValueError
        There are as many as neither one nor the images.
    """
    numbers = np.asarray(output)
    if numbers.ndim == 1 and len(numbers) != n_images:
        raise ValueError(f"output: expected one for all images or one for each of {n_images}, found {len(numbers)}")
    if numbers.ndim > 1 or numbers.dtype.kind not in "iu":
        raise TypeError(f"output: expected a whole number, or one for each image, found {output!r}")
    return [int(number) for number in np.broadcast_to(numbers, n_images)]


def check_model(model: nn.Module) -> None:
    """Refuse what cannot be asked for gradients of single images at all.

    Raises
    ------
    TypeError
        It is no module.
    ValueError
        It is in training mode, or weights were made under ``torch.inference_mode``.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model: expected a torch module, found {type(model).__name__}")
    check_independent(model)
    if any(weight.is_inference() for weight in itertools.chain(model.parameters(), model.buffers())):
        raise ValueError(
            "model: expected weights that gradients go through, found inference tensors. "
            "Make or load the model outside torch.inference_mode."
        )


def check_responses(model: nn.Module, clean: ImageSource, outputs: Sequence[int], *, batch_size: int) -> None:
    """Refuse a model whose responses to the clean images no search can follow.

    Parameters
    ----------
    model
        Images (n, 3, side, side) to responses (n, n_outputs).
    clean
        Clean images by index.
    outputs
        The output driven in each image, (n_images,).
    batch_size
        Images in one forward pass.

    Raises
    ------
    TypeError
        It answers no tensor.
    ValueError
        It cannot be asked, has no such output, or its responses have another shape, no gradient for the image, or are
        not finite.
    """
    n, device = len(outputs), device_of(model)
    _check_first(model, clean([place % n for place in range(PADDED_TO)]), outputs)
    objective = SignedResponse(torch.tensor(outputs, device=device), torch.ones(n, device=device))
    evaluator = Evaluator(Problem(model, clean, objective), Method(), Width(batch_size))
    for start in range(0, n, batch_size):
        places = range(start, min(start + batch_size, n))
        values = evaluator.value(clean(places), torch.tensor(places, device=device))
        check_finite(values.cpu().double().numpy(), outputs, kind="clean", start=start)


def check_finite(responses: NDArray[np.float64], outputs: Sequence[int], *, kind: str, start: int = 0) -> None:
    """Refuse responses that are no numbers.

    Parameters
    ----------
    responses
        Of the driven outputs, from an image on, shape (n,).
    outputs
        The output driven in each image, (n_images,).
    kind
        What was done with the images: clean or attacked.
    start
        The first response's image.

    Raises
    ------
    ValueError
        One is NaN or infinite.
    """
    for place in np.flatnonzero(~np.isfinite(responses))[:1]:
        found = f"{responses[place]} at output {outputs[start + place]} for {kind} image {start + place}"
        raise ValueError(f"model: expected finite responses, found {found}")


def _check_first(model: nn.Module, images: Tensor, outputs: Sequence[int]) -> None:
    """Ask about as few images as a search ever does, with their gradient."""
    asked = images.contiguous(memory_format=torch.channels_last).requires_grad_()
    given = f"{_type_name(asked)} images {tuple(asked.shape)}"
    try:
        responses = model(asked)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:  # of torch: another number type or image side than the weights'
        raise ValueError(f"model: expected to answer {given}, found {type(error).__name__}: {error}") from error
    if not isinstance(responses, Tensor):
        raise TypeError(f"model: expected one tensor of responses (n, n_outputs), found {type(responses).__name__}")
    if responses.ndim != 2 or len(responses) != len(asked) or not responses.is_floating_point():
        found = f"{_type_name(responses)} {tuple(responses.shape)}"
        raise ValueError(f"model: expected float responses (n, n_outputs) to {given}, found {found}")
    if wrong := [output for output in outputs if not 0 <= output < responses.shape[1]]:
        raise ValueError(f"output: expected 0 to {responses.shape[1] - 1}, which the model has, found {wrong[0]}")
    if not responses.requires_grad or torch.autograd.grad(responses.sum(), asked, allow_unused=True)[0] is None:
        raise ValueError(
            "model: expected responses with a gradient for the image, found none. "
            "Look for no_grad, inference_mode or detach in its forward."
        )


def _type_name(values: NDArray[np.uint8] | Tensor) -> str:
    return str(values.dtype).removeprefix("torch.")
