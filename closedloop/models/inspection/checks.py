"""What must be true of a network before a monkey sees images made with it: asked of any network, whoever built it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from closedloop.models.inspection.reference import MOST_DIFFERENCE, ReferenceOutput, difference

Model = Callable[[Tensor], Tensor]
Answer = tuple[Tensor, Tensor]
Normalised = tuple[tuple[float, ...], tuple[float, ...]]
BATCHES = (1, 3, 8)
FILLED_TO = 4
"""Attacks fill every batch up to a multiple of this (`attacks.engine.evaluation`)."""

_FROZEN = 1e-4  # of the features' SD
_LEAST_WIDTH, _MOST_WIDTH = 0.25, 300.0  # from black to white: 1 unscaled, 2 to 5 by usual SD, 255 of old networks
_OF_UNIT_PIXELS = "state mean and std of pixels in [0, 1]: those of 0 to 255, divided by 255"


@dataclass(frozen=True)
class NetworkCheck:
    """What one check found; `fix` is empty where nothing has to be done."""

    name: str
    result: Literal["PASS", "WARN", "FAIL"]
    found: str
    fix: str = ""


def check_gradients(features: Model, images: Tensor) -> NetworkCheck:
    """Say whether the gradient of the features' sum of squares is finite, and reaches every image.

    Parameters
    ----------
    features
        Maps images in [0, 1], (n, 3, side, side), to features.
    images
        Images to ask it of.
    """
    _, gradients = _features_and_gradients(features, images)
    sizes = gradients.flatten(1).norm(dim=1)
    if not bool(torch.isfinite(gradients).all()):
        return NetworkCheck("gradients", "FAIL", "not finite", "use other weights, or another layer")
    if not bool((sizes > 0).all()):
        fix = "choose a layer that the image reaches, and a network that does not detach or round its input"
        return NetworkCheck("gradients", "FAIL", "0 for an image", fix)
    return NetworkCheck("gradients", "PASS", f"finite, norm {float(sizes.min()):.3g} to {float(sizes.max()):.3g}")


def check_batches(features: Model, images: Tensor) -> NetworkCheck:
    """Compare each image's features and gradients, to the bit, in batches of 1, 3 and 8.

    A network that rounds by the number of images is right where batches are filled up, as attacks do.

    Parameters
    ----------
    features
        Maps images in [0, 1], (n, 3, side, side), to features.
    images
        Eight or more.
    """
    images = images[: max(BATCHES)]
    together = _features_and_gradients(features, images)
    plain, filled = (
        [n for n in BATCHES if not _same_in_batches(features, images, together, batch=n, filled=is_filled)]
        for is_filled in (False, True)
    )
    if filled:
        found = f"an image's features or gradients depend on its neighbours in batches of {_listed(filled)}"
        return NetworkCheck("batches", "FAIL", found, "choose an earlier layer, or a network without such a layer")
    if plain:
        found = f"the same to the bit in batches filled up to {FILLED_TO}, as attacks do; not without in those of "
        return NetworkCheck("batches", "PASS", found + _listed(plain))
    return NetworkCheck("batches", "PASS", f"the same to the bit in batches of {_listed(BATCHES)}")


def check_frozen(model: nn.Module, freeze: Callable[[nn.Module], nn.Module], images: Tensor) -> NetworkCheck:
    """Compare a model with itself once it is prepared for attacks.

    Parameters
    ----------
    model
        Maps images in [0, 1] to responses; stays prepared.
    freeze
        Prepares a model in place.
    images
        Images to ask it of.
    """
    with torch.no_grad():
        before = model(images).numpy()
        after = freeze(model)(images).numpy()
    found = difference(after, before)
    if not found <= _FROZEN:
        fix = "its modules cannot be prepared: a rectifier writes over what is used again. Use nn.ReLU(inplace=False)"
        return NetworkCheck("prepared for attacks", "FAIL", f"answers otherwise, by {found:.2g} SD", fix)
    return NetworkCheck("prepared for attacks", "PASS", f"answers the same (within {found:.1g} SD)")


def check_reference(found: NDArray[np.float32], reference: ReferenceOutput) -> NetworkCheck:
    """Compare features with the reference output.

    Parameters
    ----------
    found
        Of the reference's images, (n, n_channels, height, width).
    reference
        See there.
    """
    apart = difference(found, reference.features)
    if math.isinf(apart):
        shapes = f"{_shape(found)} for {_shape(reference.features)} of the reference"
        return NetworkCheck("reference output", "FAIL", shapes, "correct base_model.layout, layer or preprocessing")
    if not apart <= MOST_DIFFERENCE:
        fix = "correct base_model.preprocessing (mean, std, side, colours), layout or weights"
        return NetworkCheck("reference output", "FAIL", f"differs by {apart:.2g} SD", fix)
    return NetworkCheck("reference output", "PASS", f"the same (within {apart:.1g} SD), {len(found)} images")


def check_stated(stated: Normalised | None, of_library: Normalised | None) -> NetworkCheck:
    """Say whether mean and SD are of pixels in [0, 1], and those that a library states for its published weights.

    Parameters
    ----------
    stated
        Of the protocol; None of a network of ours.
    of_library
        Of the library; None where it states none.
    """
    if stated is None:
        return NetworkCheck("preprocessing", "PASS", "its architecture's own")
    if said := _other_scale(*stated):
        return NetworkCheck("preprocessing", "FAIL", said, _OF_UNIT_PIXELS)
    if of_library is None:
        return NetworkCheck("preprocessing", "PASS", "as stated; only reference output can tell whether it is right")
    if np.allclose(stated, of_library, atol=1e-3):
        return NetworkCheck("preprocessing", "PASS", "as the library states for its own weights")
    found = f"mean {stated[0]}, std {stated[1]}; the library states {of_library[0]}, {of_library[1]}"
    return NetworkCheck("preprocessing", "WARN", found, "correct it, unless your weights were trained otherwise")


def _other_scale(mean: Sequence[float], std: Sequence[float]) -> str:
    """Say what pixels from black to white become where no network was trained on that; empty where some are."""
    for middle, sd in zip(mean, std, strict=True):
        if not 0 <= middle <= 1 or not _LEAST_WIDTH <= 1 / sd <= _MOST_WIDTH:
            black, white = (0 - middle) / sd, (1 - middle) / sd
            return (
                f"mean {tuple(mean)}, std {tuple(std)}: pixels from 0 to 1 become {black:.4g} to {white:.4g}; networks "
                f"are trained on ranges around 0 that are {_LEAST_WIDTH:g} to {_MOST_WIDTH:g} wide"
            )
    return ""


def _same_in_batches(features: Model, images: Tensor, expected: Answer, *, batch: int, filled: bool) -> bool:
    n = len(images)
    for start in range(0, n - batch + 1, batch):
        rows = list(range(start, start + batch))
        asked = rows + rows[-1:] * (-batch % FILLED_TO if filled else 0)
        found = _features_and_gradients(features, images[asked])
        pairs = zip(found, expected, strict=True)
        if not all(torch.equal(one[:batch], whole[rows]) for one, whole in pairs):
            return False
    return True


def _features_and_gradients(features: Model, images: Tensor) -> Answer:
    leaf = images.clone().requires_grad_()
    found = features(leaf)
    (gradient,) = torch.autograd.grad(found.square().sum(), leaf)
    return found.detach(), gradient


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def _shape(features: NDArray[np.float32]) -> str:
    return " x ".join(map(str, features.shape[1:]))
