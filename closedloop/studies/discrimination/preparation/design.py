"""Which pairs a session shows and in which order: balanced as in section 6.2, and decided by seed and number alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.discrimination.experiment import CATCH, DISCRIMINATION_TRIALS, KINDS, DiscriminationPair
from closedloop.artifacts.naming import generator
from closedloop.artifacts.tables import Columns
from closedloop.errors import ImageError

Indices = NDArray[np.int64]
_Row = tuple[str, int, int, int]
"""Kind, rows of the first and of the second image, pair."""

_MOST_SWAPS = 20  # rounds of moving trials of one clean image apart; a few are nearly always enough


@dataclass(frozen=True)
class SessionPlan:
    """How many sessions there are, and of what.

    Attributes
    ----------
    n_sessions
        Sessions, each of its own order.
    pairs_a_session
        Perturbed images a session; each is in four trials.
    catch_every
        So many of these trials to one catch trial, which comes on top of them; 0: none.
    seed
        Decides pairs and order.
    """

    n_sessions: int
    pairs_a_session: int = 25  # section 6.2
    catch_every: int = 10  # section 6.2
    seed: int = 0


def design_trials(pairs: tuple[DiscriminationPair, ...], plan: SessionPlan) -> Columns:
    """Return the table of all trials of all sessions (`DISCRIMINATION_TRIALS`).

    A session is the same however many there are.

    Parameters
    ----------
    pairs
        The perturbed images and their clean ones.
    plan
        How many sessions, of how many pairs.

    Raises
    ------
    ImageError
        There are fewer pairs than a session shows, or but one clean image, of which no catch trial can be made.
    """
    if len(pairs) < plan.pairs_a_session:
        raise ImageError(
            f"expected at least {plan.pairs_a_session} perturbed images for a session, found {len(pairs)}. Give more, "
            "or lower --images-a-session."
        )
    clean = np.array([pair.clean_index for pair in pairs], dtype=np.int64)
    if plan.catch_every and len(np.unique(clean)) < 2:
        raise ImageError("expected two clean images for catch trials, found one. Give more, or pass --catch-every 0.")
    sessions = [
        _session_rows(pairs, own, number, plan) for number, own in enumerate(pairs_of_sessions(pairs, plan), start=1)
    ]
    return {name: np.concatenate([session[name] for session in sessions]) for name in DISCRIMINATION_TRIALS.columns}


def pairs_of_sessions(pairs: tuple[DiscriminationPair, ...], plan: SessionPlan) -> list[Indices]:
    """Return which pairs each session shows: none twice in one, each as often as any other over them, epsilons mixed.

    Parameters
    ----------
    pairs
        All of them.
    plan
        How many sessions, of how many pairs.
    """
    waiting: list[int] = []
    found = []
    n_rounds = 0
    for _ in range(plan.n_sessions):
        chosen: list[int] = []
        while len(chosen) < plan.pairs_a_session:
            place = next((place for place, pair in enumerate(waiting) if pair not in chosen), None)
            if place is None:
                waiting += _mixed_round(pairs, plan.seed, n_rounds)
                n_rounds += 1
                continue
            chosen.append(waiting.pop(place))
        found.append(np.array(chosen, dtype=np.int64))
    return found


def _mixed_round(pairs: tuple[DiscriminationPair, ...], seed: int, number: int) -> list[int]:
    """Return every pair once, shuffled, with the epsilons spread evenly over the round."""
    random = generator(seed, "discrimination", "round", number)
    place = np.empty(len(pairs))
    epsilons = np.array([pair.epsilon for pair in pairs])
    for epsilon in np.unique(epsilons):
        own = np.flatnonzero(epsilons == epsilon)
        place[random.permutation(own)] = (np.arange(len(own)) + random.uniform(size=len(own))) / len(own)
    return [int(one) for one in np.argsort(place, kind="stable")]


def _session_rows(
    pairs: tuple[DiscriminationPair, ...], own: Indices, number: int, plan: SessionPlan
) -> dict[str, NDArray[np.generic]]:
    random = generator(plan.seed, "discrimination", "session", number)
    pair = np.repeat(own, len(KINDS))
    kind = np.tile(np.array(KINDS, dtype=object), len(own))
    clean = np.array([one.clean_index for one in pairs], dtype=np.int64)
    order = _apart(random.permutation(len(pair)), clean[pair], random)
    rows = [_pair_row(pairs, int(pair[one]), str(kind[one])) for one in order]
    if plan.catch_every:
        for last in range(len(rows), 0, -plan.catch_every):  # from the end, so that places before stay
            at = int(random.integers(max(last - plan.catch_every, 0), last + 1))
            beside = {one for row in rows[max(at - 1, 0) : at + 1] for one in _clean_images(pairs, row)}
            others = np.setdiff1d(clean, list(beside))
            first, second = random.choice(others if len(others) > 1 else np.unique(clean), size=2, replace=False)
            rows.insert(at, (CATCH, int(first), int(second), -1))
    kinds, firsts, seconds, of = zip(*rows, strict=True)
    return {
        "session": np.full(len(rows), number, dtype=np.int32),
        "trial": np.arange(len(rows), dtype=np.int32),
        "kind": np.array(kinds, dtype=object),
        "first_index": np.array(firsts, dtype=np.int32),
        "second_index": np.array(seconds, dtype=np.int32),
        "pair_index": np.array(of, dtype=np.int32),
    }


def _clean_images(pairs: tuple[DiscriminationPair, ...], row: _Row) -> tuple[int, ...]:
    """Return which clean images a trial shows, as they are or perturbed."""
    _, first, second, index = row
    return (first, second) if index < 0 else (pairs[index].clean_index,)


def _pair_row(pairs: tuple[DiscriminationPair, ...], index: int, kind: str) -> _Row:
    rows = {"clean": pairs[index].clean_index, "perturbed": pairs[index].perturbed_index}
    first, second = kind.split("-")
    return kind, rows[first], rows[second], index


def _apart(order: Indices, clean: Indices, random: np.random.Generator) -> Indices:
    """Return an order in which no clean image follows itself, where that can be had: it would be compared with it."""
    for _ in range(_MOST_SWAPS):
        beside = np.flatnonzero(clean[order[1:]] == clean[order[:-1]]) + 1
        if not beside.size:
            break
        for at in beside:
            other = random.integers(len(order))
            order[at], order[other] = order[other], order[at]
    return order
