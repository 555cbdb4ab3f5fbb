"""Attacks on anchors that the day before showed: what the control *yesterday* shows again, byte for byte.

Growth from one day to the next has two parts: better attacks, and an animal that changed. Yesterday's attack shown
again to today's animal, beside today's on the same image at the same site, leaves the first part alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.tables import Columns

AttackName = tuple[str, int, float]
"""An anchor by its name in the pool, the site that is attacked, and epsilon: what an attack is of, on any day."""


@dataclass(frozen=True)
class ShownAttack:
    """An attack of an earlier day.

    Attributes
    ----------
    session
        That showed it.
    image_index
        Its row of that session's stimulus set.
    predicted_sign
        Sealed by that session's model.
    """

    session: Block
    image_index: int
    predicted_sign: int


def yesterdays_attacks(stimuli: Mapping[Block, Columns]) -> dict[AttackName, ShownAttack]:
    """Return the attacks on anchors of a day by what they are of; where its sessions made the same, the last one's.

    Parameters
    ----------
    stimuli
        The stimulus set of each session of the last day before that had any, in order.
    """
    shown = dict[AttackName, ShownAttack]()
    for block, columns in stimuli.items():
        for row in np.flatnonzero((columns["kind"] == "attacked") & (columns["role"] == "anchor")):
            name = str(columns["image_id"][row]), int(columns["site_index"][row]), float(columns["epsilon"][row])
            sign = int(columns["predicted_sign"][row])
            shown[name] = ShownAttack(block, int(columns["image_index"][row]), sign)
    return shown


def images_of(
    attacks: Sequence[ShownAttack], images: Mapping[Block, NDArray[np.uint8]], *, shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Return the bytes of earlier attacks, uint8, (n_attacks, height, width, 3), in their order.

    Parameters
    ----------
    attacks
        Which.
    images
        All that each session of them showed.
    shape
        Of an image.
    """
    found = np.empty((len(attacks), *shape), dtype=np.uint8)
    for place, one in enumerate(attacks):
        found[place] = images[one.session][one.image_index]
    return found
