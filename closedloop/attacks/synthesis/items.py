"""What to attack, and what was found."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from closedloop.attacks.aims.kinds import Aim
from closedloop.attacks.audit import rounding_loss


@dataclass(frozen=True)
class AttackItem:
    """One attack to find: this clean image, this site, this budget.

    Parameters
    ----------
    item_name
        Unique name; the random starts derive from it, never from the order of items.
    image_index
        Index of the clean image.
    site_index
        Index of the model's site.
    epsilon
        L2 norm in [0, 1] pixel units on a 224 x 224 x 3 image; of other balls see `balls.radius_of`.
    aim
        What is to be attained; None: the site's response, as far as it can be moved.

    Examples
    --------
    >>> from closedloop.attacks import AttackItem
    >>> AttackItem("day 3, photo 0, site 1", image_index=0, site_index=1, epsilon=2.5).epsilon
    2.5
    """

    item_name: str
    image_index: int
    site_index: int
    epsilon: float
    aim: Aim | None = None


@dataclass(frozen=True)
class SynthesisResult:
    """Attacked images and what the model predicts for them, one row an item.

    Predictions are of the item's own site, in the model's response units, on the bytes that will be shown; of an item
    with an aim they are what that makes of the responses (for a level, the response).

    Parameters
    ----------
    attacked
        Attacked images, uint8 (uint16 for displays of more than 8 bits), shape (n_items, height, width, 3).
    predicted_clean, predicted_attacked
        Responses to the clean and the attacked image, shape (n_items,).
    predicted_change_float
        Change of the response where the float search ended, before the image was put on the lattice, shape (n_items,).
        After few steps that is no optimum: the search on the lattice may end further.
    lattice_bound
        What part of the change there the lattice allows to first order, shape (n_items,); NaN of levels and outside L2.
    realised_epsilon
        Epsilon from the bytes, 224 px units, shape (n_items,).
    direction
        +1 where the kept attack raises the response, -1 where it lowers it, shape (n_items,).
    n_gradients
        Gradients of a model taken for the item, in both directions, shape (n_items,).
    """

    attacked: NDArray[Any]
    predicted_clean: NDArray[np.float64]
    predicted_attacked: NDArray[np.float64]
    predicted_change_float: NDArray[np.float64]
    lattice_bound: NDArray[np.float64]
    realised_epsilon: NDArray[np.float64]
    direction: NDArray[np.int64]
    n_gradients: NDArray[np.int64]

    @property
    def predicted_change(self) -> NDArray[np.float64]:
        """Predicted response change on the bytes, attacked minus clean, shape (n_items,)."""
        return self.predicted_attacked - self.predicted_clean

    @property
    def rounding_loss(self) -> NDArray[np.float64]:
        """What the bytes move less than the best image found in the ball (`audit.rounding_loss`), shape (n_items,)."""
        return rounding_loss(self.predicted_change_float, self.predicted_change)


def no_attacks(clean_images: NDArray[Any]) -> SynthesisResult:
    """Return the result of no item, where a session attacks nothing.

    Parameters
    ----------
    clean_images
        The session's, (n_images, height, width, 3): of their size and type the attacked images would be.

    Examples
    --------
    >>> no_attacks(np.zeros((2, 8, 8, 3), dtype=np.uint8)).attacked.shape
    (0, 8, 8, 3)
    """
    whole, numbers = np.empty(0, dtype=np.int64), np.empty(0)
    return SynthesisResult(
        attacked=clean_images[:0],
        predicted_clean=numbers,
        predicted_attacked=numbers,
        predicted_change_float=numbers,
        lattice_bound=numbers,
        realised_epsilon=numbers,
        direction=whole,
        n_gradients=whole,
    )


class Attacked(NamedTuple):
    """One item's row of a `SynthesisResult`."""

    attacked: NDArray[Any]
    predicted_clean: float
    predicted_attacked: float
    predicted_change_float: float
    lattice_bound: float
    realised_epsilon: float
    direction: int
    n_gradients: int

    @property
    def size(self) -> float:
        """Size of the predicted change on the bytes."""
        return abs(self.predicted_attacked - self.predicted_clean)


IMAGES = "attacked"
NUMBERS = tuple(name for name in Attacked._fields if name != IMAGES)


def seed_of(item_name: str, direction: int) -> int:
    """Seed of an item's random start in one direction, from its name alone; a 63-bit integer."""
    digest = hashlib.sha256(f"{item_name}|{direction:+d}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def check_items(items: tuple[AttackItem, ...]) -> None:
    """Refuse what cannot be attacked.

    Raises
    ------
    ValueError
        There is no item, or two have one name.
    """
    if not items:
        raise ValueError("expected at least one item to attack, found none")
    if len({item.item_name for item in items}) != len(items):
        raise ValueError("attack items need unique names: the random starts derive from them")
