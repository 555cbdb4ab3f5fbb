"""Tables of the study: pairs, curvatures, attacks, and what goes with an attack's size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.geometry.ranks import rank_correlation
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.tables import Columns
from closedloop.studies.response_geometry.documents import EXPLAINED_ATTACKS
from closedloop.studies.response_geometry.settings import EPSILONS, SCALES
from closedloop.studies.response_geometry.shards import DIRECTIONS, SEARCHES
from closedloop.studies.response_geometry.subjects import LookedAt

Found = dict[str, NDArray[Any]]

OF = ("size", "excess")
BY = ("steepness", "curvature", "bend")


def pair_rows(looked_at: LookedAt, found: Found) -> Columns:
    """Return a row a pair, of one subject; changes of a walk are the largest on the way."""
    sd = looked_at.sd
    moved = np.abs(found["walk"] - found["walk"][:, :1]).max(axis=1)
    return {
        **_names(looked_at, each=1),
        "response": found["response"],
        "sd": sd,
        "steepness": found["steepness"] / sd,
        "smoothed_cosine": found["smoothed_cosine"],
        "walked": moved / sd,
        "straight": np.abs(found["straight"][:, -1] - found["straight"][:, 0]) / sd,
        "walk_apart": found["walk_apart"],
        "beyond": found["beyond"],
    }


def curvature_rows(looked_at: LookedAt, found: Found) -> Columns:
    """Return a row a pair, direction and scale, of one subject."""
    n, each = len(looked_at.outputs), len(DIRECTIONS) * len(SCALES)
    return {
        **_names(looked_at, each=each),
        "direction": np.tile(np.repeat(np.array(DIRECTIONS, dtype=object), len(SCALES)), n),
        "scale": np.tile(SCALES, n * len(DIRECTIONS)),
        "curvature": found["curvature"].reshape(-1),
    }


def attack_rows(looked_at: LookedAt, found: Found) -> Columns:
    """Return a row a pair, search and epsilon, of one subject."""
    n, each = len(looked_at.outputs), len(SEARCHES) * len(EPSILONS)
    epsilon = np.tile(EPSILONS, n * len(SEARCHES))
    sd, steepness = np.repeat(looked_at.sd, each), np.repeat(found["steepness"], each)
    change = found["change"].reshape(-1) / sd
    linear = steepness / sd * epsilon
    return {
        **_names(looked_at, each=each),
        "search": np.tile(np.repeat(np.array(SEARCHES, dtype=object), len(EPSILONS)), n),
        "epsilon": epsilon,
        "change": change,
        "linear": linear,
        "excess": np.abs(change) - linear,
        "cosine": found["cosine"].reshape(-1),
        "smoothed_cosine": found["attack_smoothed_cosine"].reshape(-1),
    }


def _names(looked_at: LookedAt, *, each: int) -> Columns:
    images = np.array(looked_at.image_ids, dtype=object)[looked_at.images]
    return {
        "subject": np.full(len(images) * each, looked_at.described.name, dtype=object),
        "output": np.repeat(np.array(looked_at.names, dtype=object), each),
        "image_id": np.repeat(images, each),
    }


def concatenated(parts: Sequence[Columns]) -> Columns:
    """Return tables of several subjects as one."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def explained_rows(pairs: Columns, curvatures: Columns, attacks: Columns, *, scale: float, seed: int) -> Columns:
    """Correlate sizes of attacks, and their excess, with what the surface is like, by ranks.

    Parameters
    ----------
    pairs, curvatures, attacks
        The other tables.
    scale
        Of the curvature that is taken.
    seed
        Of the intervals.
    """
    bent = (curvatures["direction"] == "first") & (curvatures["scale"] == scale)
    curved = np.abs(curvatures["curvature"][bent])
    by = {"steepness": pairs["steepness"], "curvature": curved, "bend": pairs["steepness"] * curved}
    rows = []
    for subject in dict.fromkeys(pairs["subject"].tolist()):
        own = (pairs["subject"] == subject) & (pairs["steepness"] > 0)
        groups = np.unique(pairs["output"][own].astype(str), return_inverse=True)[1]
        for search in SEARCHES:
            for epsilon in EPSILONS:
                at = (attacks["search"] == search) & (attacks["epsilon"] == epsilon)
                values = {"size": np.abs(attacks["change"][at])[own], "excess": attacks["excess"][at][own]}
                for of in OF:
                    for name in BY:
                        found = rank_correlation(
                            values[of], by[name][own], groups, seed=derive_seed(seed, "ranks", subject, of, name)
                        )
                        rows.append((subject, search, epsilon, of, name, found.rho, found.low, found.high, found.n))
    return {
        name: np.array(column) for name, column in zip(EXPLAINED_ATTACKS.columns, zip(*rows, strict=True), strict=True)
    }
