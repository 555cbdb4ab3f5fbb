"""Images that are computed: 30 categories (6 shapes x 5 textures) on 1/f backgrounds.

They stand in for ImageNet where no photographs are at hand, so that a dry run needs no download. Position, size,
orientation, colours and background vary from image to image and tell nothing about the category.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from closedloop.errors import ImageError
from closedloop.stimuli.port import PoolImage, Uint8Image

Plane = NDArray[np.floating]

N_PER_CATEGORY = 1000
BACKGROUND_CONTRAST = 0.1  # standard deviation over pixels; more, and no network of 80 k parameters learns robustly
MINIMAL_COLOUR_DISTANCE = 0.7  # between the two colours of a texture, Euclidean in [0, 1] RGB


@dataclass(frozen=True)
class ProceduralPool:
    """Computed images; each a pure function of the pool's seed and the image's identity.

    Parameters
    ----------
    seed
        Pools of different seeds share no image.
    side_px
        Height and width of every image.
    n_categories
        The first so many of the 30 categories, 1 to 30.
    n_per_category
        Images of each category.

    Examples
    --------
    >>> pool = ProceduralPool(seed=0, n_categories=2, n_per_category=3)
    >>> pool.categories
    ('disk-plain', 'disk-stripes')
    >>> pool.load("disk-stripes-000002").shape
    (32, 32, 3)
    """

    seed: int
    side_px: int = 32
    n_categories: int = 30
    n_per_category: int = N_PER_CATEGORY

    def __post_init__(self) -> None:
        """Refuse sizes that no pool can have."""
        if not 1 <= self.n_categories <= len(CATEGORIES):
            raise ImageError(
                f"procedural pool: 1 to {len(CATEGORIES)} categories exist, {self.n_categories} asked for."
            )
        if self.n_per_category < 1 or self.side_px < 8:
            raise ImageError("procedural pool: needs at least one image a category and a side of 8 pixels.")

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """Names of the categories, shape-texture, in a fixed order."""
        return CATEGORIES[: self.n_categories]

    @cached_property
    def _images(self) -> tuple[PoolImage, ...]:
        pairs = (
            (category, f"{category}-{index:06d}")
            for category in self.categories
            for index in range(self.n_per_category)
        )
        return tuple(sorted((PoolImage(image_id, category) for category, image_id in pairs), key=lambda i: i.image_id))

    def images(self) -> tuple[PoolImage, ...]:
        """Return every image, sorted by ``image_id``."""
        return self._images

    def load(self, image_id: str) -> Uint8Image:
        """Return one image, uint8, shape (side_px, side_px, 3)."""
        category, _, index = image_id.rpartition("-")
        if category not in self.categories or not index.isdigit() or not 0 <= int(index) < self.n_per_category:
            raise ImageError(
                f"procedural pool: no image {image_id!r}. Use the pool (seed, sizes) the identity came from."
            )
        shape, _, texture = category.partition("-")
        return draw_image(shape, texture, side_px=self.side_px, rng=_generator(self.seed, image_id))

    def description(self) -> dict[str, str | int]:
        """Return what ``open_pool`` needs to open this pool again."""
        return {
            "kind": "procedural",
            "seed": self.seed,
            "side_px": self.side_px,
            "n_categories": self.n_categories,
            "n_per_category": self.n_per_category,
        }


def draw_image(shape: str, texture: str, *, side_px: int, rng: np.random.Generator) -> Uint8Image:
    """Return one object of a shape and a texture on a 1/f background, uint8, shape (side_px, side_px, 3).

    Parameters
    ----------
    shape
        A key of `SHAPES`.
    texture
        A key of `TEXTURES`.
    side_px
        Height and width.
    rng
        Decides position, size, orientation, colours and background.
    """
    background = one_over_f_background(side_px, rng)
    x, y, edge = _object_coordinates(side_px, rng)
    mask = np.clip(0.5 - SHAPES[shape](x, y) / edge, 0, 1)[..., None]
    first, second = _two_colours(rng)
    phase = _texture_phases(x, y, edge=edge, rng=rng)
    blend = np.clip(TEXTURES[texture](phase, rng), 0, 1)[..., None]
    painted = first + (second - first) * blend
    shown = background + (painted - background) * mask
    pixels: Uint8Image = np.rint(np.clip(shown, 0, 1) * 255).astype(np.uint8)
    return pixels


def one_over_f_background(side_px: int, rng: np.random.Generator) -> Plane:
    """Return colour noise whose amplitude falls as 1/f, in [0, 1] before clipping, shape (side_px, side_px, 3)."""
    amplitude = _one_over_f_amplitude(side_px)
    phases = rng.standard_normal((2, 3, *amplitude.shape), dtype=np.float32)
    planes = np.fft.irfft2((phases[0] + 1j * phases[1]) * amplitude, s=(side_px, side_px))
    planes = planes * (BACKGROUND_CONTRAST / max(float(planes.std()), 1e-6))
    # Natural colours go together: most of the contrast is common to the three channels.
    mixed = 0.75 * planes[0][..., None] + 0.5 * np.moveaxis(planes, 0, -1)
    return np.asarray(mixed + rng.uniform(0.25, 0.75, 3), dtype=np.float32)


@cache
def _one_over_f_amplitude(side_px: int) -> Plane:
    frequency = np.hypot(np.fft.fftfreq(side_px)[:, None], np.fft.rfftfreq(side_px)[None, :])
    frequency[0, 0] = np.inf
    return np.asarray(1 / frequency, dtype=np.float32)


@cache
def _grid(side_px: int) -> tuple[Plane, Plane]:
    """Pixel centres from -1 to 1, down and across."""
    axis = (np.arange(side_px, dtype=np.float32) + 0.5) * (2 / side_px) - 1
    down, across = np.meshgrid(axis, axis, indexing="ij")
    return np.ascontiguousarray(across), np.ascontiguousarray(down)


def _object_coordinates(side_px: int, rng: np.random.Generator) -> tuple[Plane, Plane, float]:
    """Coordinates in which the object has radius 1, rotated and shifted at random, and the width of a pixel in them."""
    across, down = _grid(side_px)
    radius = rng.uniform(0.6, 0.92)
    centre = rng.uniform(-1, 1, 2) * (1 - radius)
    angle = rng.uniform(0, 2 * np.pi)
    cos, sin = np.float32(np.cos(angle) / radius), np.float32(np.sin(angle) / radius)
    a, d = across - np.float32(centre[0]), down - np.float32(centre[1])
    return cos * a + sin * d, cos * d - sin * a, 2 / (side_px * radius)


def _texture_phases(x: Plane, y: Plane, *, edge: float, rng: np.random.Generator) -> Plane:
    """Phases in radians along two orthogonal directions unrelated to the shape's; period .2 to .32 of the side."""
    period = rng.uniform(0.2, 0.32) * edge * x.shape[0]
    angle, shift = rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi, 2).astype(np.float32)
    k = 2 * np.pi / period
    cos, sin = np.float32(np.cos(angle) * k), np.float32(np.sin(angle) * k)
    return np.stack([cos * x + sin * y + shift[0], cos * y - sin * x + shift[1]])


def _two_colours(rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Return two colours that are far enough apart to be distinguished."""
    while True:
        pair = rng.uniform(0, 1, (2, 3)).astype(np.float32)
        if np.linalg.norm(pair[0] - pair[1]) >= MINIMAL_COLOUR_DISTANCE:
            return pair[0], pair[1]


# Shapes: signed distance to the outline, negative inside, for an object of radius 1 at the origin.


def _disk(x: Plane, y: Plane) -> Plane:
    return np.hypot(x, y) - 0.9


def _ring(x: Plane, y: Plane) -> Plane:
    return np.abs(np.hypot(x, y) - 0.7) - 0.27


def _square(x: Plane, y: Plane) -> Plane:
    return np.maximum(np.abs(x), np.abs(y)) - 0.75


def _triangle(x: Plane, y: Plane) -> Plane:
    # Three half planes at distance .5: circumscribed radius 1.
    return np.asarray(np.maximum(np.maximum(-y, 0.8660254 * x + 0.5 * y), 0.5 * y - 0.8660254 * x) - 0.5)


def _star(x: Plane, y: Plane) -> Plane:
    return np.asarray(np.hypot(x, y) * (1 + 0.42 * np.cos(5 * np.arctan2(y, x))) - 0.62)


def _cross(x: Plane, y: Plane) -> Plane:
    a, b = np.abs(x), np.abs(y)
    return np.asarray(np.maximum(np.maximum(a, b) - 0.95, np.minimum(a, b) - 0.3))


# Textures: how much of the second colour, 0 to 1, from two phases, shape (2, side_px, side_px).


def _plain(phase: Plane, rng: np.random.Generator) -> Plane:
    slope = rng.uniform(-0.02, 0.02, 2).astype(np.float32)
    return np.asarray(slope[0] * phase[0] + slope[1] * phase[1])


def _stripes(phase: Plane, rng: np.random.Generator) -> Plane:
    return np.asarray(0.5 + rng.uniform(1, 2) * np.sin(phase[0]))


def _checks(phase: Plane, rng: np.random.Generator) -> Plane:
    return np.asarray(0.5 + rng.uniform(1.5, 3) * np.sin(phase[0]) * np.sin(phase[1]))


def _dots(phase: Plane, rng: np.random.Generator) -> Plane:
    return np.asarray(rng.uniform(1, 2) * (np.cos(phase[0]) + np.cos(phase[1])) - 0.4)


def _speckle(phase: Plane, rng: np.random.Generator) -> Plane:
    return np.asarray(0.5 + rng.uniform(0.6, 1) * rng.standard_normal(phase.shape[1:], dtype=np.float32))


SHAPES: dict[str, Callable[[Plane, Plane], Plane]] = {
    "disk": _disk,
    "ring": _ring,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
}
TEXTURES: dict[str, Callable[[Plane, np.random.Generator], Plane]] = {
    "plain": _plain,
    "stripes": _stripes,
    "checks": _checks,
    "dots": _dots,
    "speckle": _speckle,
}
CATEGORIES = tuple(f"{shape}-{texture}" for shape in SHAPES for texture in TEXTURES)


def _generator(seed: int, image_id: str) -> np.random.Generator:
    digest = hashlib.blake2b(f"{seed}/{image_id}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))
