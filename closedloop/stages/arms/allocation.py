"""How many pairs each arm attacks on a day, by what earlier days measured: read from what they published.

Measured changes and sealed directions decide. The hidden truth stands in the same tables of a simulated study and is
not looked at; nor is anything of the day itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from closedloop.analysis.arms.allocating import KnownArms, chance_of_best, deal_out, known_arms, parts_moved
from closedloop.analysis.arms.comparing import ArmChanges
from closedloop.artifacts.protocol.arms.adaptive import n_movable
from closedloop.artifacts.protocol.arms.section import Arms
from closedloop.artifacts.tables import Columns


def allocate(effects: Sequence[Columns], section: Arms, *, day: int, most: int) -> list[dict[str, Any]]:
    """Return the rows of the table `ARM_ALLOCATION` of a day; none where its shares are fixed.

    Where no earlier pair counts every arm has its own share.

    Parameters
    ----------
    effects
        The table `ARM_EFFECTS` of each earlier session that has one, in order.
    section
        The protocol's.
    day
        That is planned.
    most
        Pairs that there are on it: no arm can attack more.
    """
    if section.adaptive is None or not section.is_adaptive_on(day):
        return []
    epsilon, own = max(section.epsilons), [min(section.pairs_of(arm), most) for arm in section.arms]
    changes = _changes(effects, [arm.name for arm in section.arms], epsilon=epsilon)
    known, moves = known_arms(changes), np.array(n_movable(section.adaptive, own))
    best, moved = np.full(len(own), np.nan), moves
    if known.is_known:
        best = chance_of_best(known.mean, known.covariance, degrees=known.n_images - 1)
        moved = deal_out(parts_moved(best, moves), int(moves.sum()), most=most - (np.array(own) - moves))
    n_pairs = np.array(own) - moves + moved
    difference, error = _from_the_mean(known)
    return [
        {
            "arm": arm.name,
            "own_pairs": own[place],
            "kept": own[place] - int(moves[place]),
            "n_pairs": int(n_pairs[place]),
            "share": float(n_pairs[place] / n_pairs.sum()),
            "mean": float(known.mean[place]),
            "difference": float(difference[place]),
            "standard_error": float(error[place]),
            "best": float(best[place]),
            "epsilon": epsilon,
            "n_shared": known.n_pairs,
            "n_sessions": known.n_sessions,
        }
        for place, arm in enumerate(section.arms)
    ]


def pairs_by_arm(allocation: Sequence[Mapping[str, Any]]) -> dict[str, int] | None:
    """Return how many pairs each arm attacks, by its name; None where there is no allocation."""
    return {row["arm"]: row["n_pairs"] for row in allocation} if allocation else None


def _changes(effects: Sequence[Columns], names: Sequence[str], *, epsilon: float) -> list[ArmChanges]:
    """Return each arm's measured changes at one epsilon; images and sites are numbered over all sessions."""
    columns = {
        name: np.concatenate([np.empty(0, kind), *(table[name] for table in effects)])
        for name, kind in (("arm", object), ("image_id", object), ("neuroid_id", object), ("epsilon", np.float64))
    }
    session = np.repeat(np.arange(len(effects)), [len(table["arm"]) for table in effects])
    signed = np.concatenate([np.empty(0), *(table["change"] * table["predicted_sign"] for table in effects)])
    image, site = (
        np.unique(columns[name].astype(np.str_), return_inverse=True)[1] for name in ("image_id", "neuroid_id")
    )
    asked = columns["epsilon"] == epsilon
    return [
        ArmChanges(name, *(column[asked & (columns["arm"] == name)] for column in (signed, image, site, session)))
        for name in names
    ]


def _from_the_mean(known: KnownArms) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float64]], ...]:
    """Return how far each arm is from the mean of all, and the standard error of that."""
    n_arms = len(known.mean)
    contrast = np.eye(n_arms) - 1 / n_arms
    variance = np.diag(contrast @ known.covariance @ contrast.T)
    return contrast @ known.mean, np.sqrt(np.maximum(variance, 0.0))
