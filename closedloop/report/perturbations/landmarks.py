"""The landmarks of the scale of perturbations: what changes of a study's own images amount to, and the paper's.

Sizes are L2 norms as epsilon is one: of pixels in [0, 1], brought to 224 x 224 x 3. At another side the norm is scaled
so that the root mean square over pixels stays (`attacks.balls.radius_at` the other way round).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ImageBytes = NDArray[np.uint8]

PAPER_SIDE_PX = 224
GAUSSIAN_SD = 0.05  # of [0, 1]: 13 grey levels
_WHITE = 255
_MOST_IMAGES = 60  # medians of more are no other


@dataclass(frozen=True)
class Landmark:
    """A size with its name.

    Attributes
    ----------
    name
        What the change is.
    size
        Median over images.
    quartiles
        Over images; both `size` where it is the same of every image.
    example
        One image with this change; None where there is none to show.
    n
        Images or pairs; 0 where nothing was measured.
    """

    name: str
    size: float
    quartiles: tuple[float, float]
    example: ImageBytes | None
    n: int


@dataclass(frozen=True)
class QuotedLandmark:
    """A size, or a range of them, that the paper gives, with its sentence."""

    name: str
    low: float
    high: float
    sentence: str
    place: str


QUOTED = (
    QuotedLandmark(
        "one pixel, black to white",
        math.sqrt(3),
        math.sqrt(3),
        "smaller in magnitude than changing a single pixel from black to white (ε = 1.73)",
        "section 2",
    ),
    QuotedLandmark(
        "Tramèr et al. 2020",
        19.0,
        20.0,
        "l2 budgets greater than 19 fail to measure semantic similarity in images, and … generating adversarial "
        "attacks to fool human behavior with an l2 budget above 20 is trivially feasible",
        "section 4",
    ),
    QuotedLandmark(
        "Yuan et al. 2020",
        21.4,
        43.0,
        "the range of perturbations used in that study was between l2 = [21.4, 43], all of which are clearly visible "
        "to humans",
        "section 4",
    ),
    QuotedLandmark(
        "Elsayed et al. 2018",
        48.7,
        48.7,
        "using l_inf = 32/255 perturbation, which is equivalent to l2 ε = 48.7",
        "section 4",
    ),
)


def size_between(clean: ImageBytes, changed: ImageBytes) -> float:
    """Return the L2 norm of the difference of two images, as epsilon is stated.

    Parameters
    ----------
    clean, changed
        uint8, (side, side, 3).

    Examples
    --------
    A pixel from black to white, at the paper's side and at a seventh of it:

    >>> for side in (224, 32):
    ...     black = np.zeros((side, side, 3), np.uint8)
    ...     white = black.copy()
    ...     white[3, 5] = 255
    ...     print(round(size_between(black, white), 2))
    1.73
    12.12
    """
    difference = (changed.astype(np.float64) - clean.astype(np.float64)) / _WHITE
    norm = float(np.sqrt((difference**2).sum()))
    return norm * PAPER_SIDE_PX / int(clean.shape[0])


def landmarks(
    images: ImageBytes,
    categories: Sequence[str],
    *,
    example: int,
    attacked: Mapping[float, ImageBytes],
) -> tuple[Landmark, ...]:
    """Return the landmarks of a study's own images, ascending.

    Parameters
    ----------
    images
        Clean ones, uint8, (n_images, side, side, 3).
    categories
        Of each.
    example
        Which of them is shown with every change.
    attacked
        This image attacked, by epsilon.
    """
    chosen = np.unique(np.linspace(0, len(images) - 1, min(len(images), _MOST_IMAGES)).round().astype(int)).tolist()
    own = images[example]
    found = [
        *(_changed(name, change, images[chosen], own) for name, change in _CHANGES.items()),
        *(
            Landmark(f"attack, ε = {epsilon:g}", epsilon, (epsilon, epsilon), one, 1)
            for epsilon, one in attacked.items()
        ),
        *_pairs(images, categories, chosen, example=example),
        _of_side(images.shape[1], own),
        _largest(own),
    ]
    return tuple(sorted((one for one in found if one.size > 0), key=lambda one: one.size))


def _one_level(image: ImageBytes) -> ImageBytes:
    return np.where(image < _WHITE, image + 1, image - 1).astype(np.uint8)


def _shifted(image: ImageBytes) -> ImageBytes:
    return np.concatenate([image[:, :1], image[:, :-1]], axis=1)


def _half_contrast(image: ImageBytes) -> ImageBytes:
    mean = image.mean()
    return np.asarray(np.rint(mean + (image - mean) / 2), dtype=np.uint8)


def _noisy(image: ImageBytes) -> ImageBytes:
    """Add the same noise to every image: the size differs by what black and white clip."""
    noise = np.random.default_rng(0).normal(scale=GAUSSIAN_SD * _WHITE, size=image.shape)
    return np.asarray(np.clip(np.rint(image + noise), 0, _WHITE), dtype=np.uint8)


_CHANGES: Mapping[str, Callable[[ImageBytes], ImageBytes]] = {
    "one grey level, every value": _one_level,
    "shifted by one pixel": _shifted,
    f"Gaussian noise, SD {GAUSSIAN_SD:g}": _noisy,
    "contrast halved": _half_contrast,
}


def _changed(name: str, change: Callable[[ImageBytes], ImageBytes], images: ImageBytes, own: ImageBytes) -> Landmark:
    return _median(name, [size_between(image, change(image)) for image in images], change(own))


def _pairs(images: ImageBytes, categories: Sequence[str], chosen: Sequence[int], *, example: int) -> list[Landmark]:
    """Return the sizes between two images: of one category, where it has two, and of any."""
    order = np.random.default_rng(0).permutation(len(images)).tolist()

    def partner(one: int, *, same: bool) -> int | None:
        others = (other for other in order if other != one and (not same or categories[other] == categories[one]))
        return next(others, None)

    found = []
    for name, same in (("another image of its category", True), ("any other image", False)):
        partners = {one: partner(one, same=same) for one in (example, *chosen)}
        sizes = [size_between(images[one], images[other]) for one, other in partners.items() if other is not None]
        shown = next((other for other in partners.values() if other is not None), None)
        if shown is not None:
            found.append(_median(name, sizes, images[shown]))
    return found


def _of_side(side_px: int, own: ImageBytes) -> Landmark:
    """Return one pixel of these images from black to white, and the rounding of values to whole levels."""
    size = math.sqrt(3) * PAPER_SIDE_PX / side_px
    black_and_white = own.copy()
    middle = side_px // 2
    black_and_white[middle, middle] = 0 if own[middle, middle].mean() > _WHITE / 2 else _WHITE
    name = "one pixel, black to white" if side_px == PAPER_SIDE_PX else f"one pixel of these {side_px}, black to white"
    return Landmark(name, size, (size, size), black_and_white, 0)


def _largest(own: ImageBytes) -> Landmark:
    size = math.sqrt(3) * PAPER_SIDE_PX
    return Landmark("black to white, all of it", size, (size, size), np.full_like(own, _WHITE), 0)


def rounding() -> Landmark:
    """Return what rounding to 256 levels changes: uniform noise of a level's width, the same of every image."""
    size = math.sqrt(3 / 12) * PAPER_SIDE_PX / _WHITE
    return Landmark("rounding to 8 bits", size, (size, size), None, 0)


def _median(name: str, sizes: Sequence[float], example: ImageBytes) -> Landmark:
    low, median, high = np.quantile(sizes, [0.25, 0.5, 0.75]).tolist()
    return Landmark(name, median, (low, high), example, len(sizes))
