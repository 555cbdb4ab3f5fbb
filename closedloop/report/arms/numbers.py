"""The arms of several sessions together, at one epsilon: what each did, and how well each model foretold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from closedloop.analysis.arms.by_session import true_mean_of_sessions
from closedloop.analysis.arms.comparing import ArmChanges, ArmDifference, compare_arms
from closedloop.analysis.arms.reviewing import ArmReviews, review_arm
from closedloop.analysis.estimate import Estimate
from closedloop.artifacts.tables import Columns

ATTACK = "attack"
"""Kind of the images of an arm without an objective."""

LEVEL = "level"
"""Kind of those that bring sites to stated levels."""

_SEED = 0  # an interval depends on its attacks alone


@dataclass(frozen=True)
class SessionArms:
    """Tables of one session.

    Attributes
    ----------
    effects, foretold
        `ARM_EFFECTS` and `ARM_FORETOLD`.
    objectives
        `ARM_OBJECTIVE_EFFECTS`; None where no arm has an objective.
    allocation
        `ARM_ALLOCATION`; None where earlier days decided nothing.
    sigma_in_z
        How many SD of what models foretell a site's sigma is, by its name; sites of which nobody knows it are not
        reviewed.
    """

    effects: Columns
    foretold: Columns
    objectives: Columns | None = None
    allocation: Columns | None = None
    sigma_in_z: Mapping[str, float] = field(default_factory=dict)

    @property
    def whole(self) -> Columns:
        """The effects with what each image was to attain, as ``objective_kind`` and ``target``, and ``sigma_in_z``."""
        n = len(self.effects["image_index"])
        columns = {"objective_kind": np.full(n, ATTACK, dtype=object), "target": np.full(n, np.nan)}
        scale = np.array([self.sigma_in_z.get(site, np.nan) for site in self.effects["neuroid_id"].tolist()])
        if self.objectives is not None:
            place = {image: row for row, image in enumerate(self.effects["image_index"].tolist())}
            images = self.objectives["image_index"].tolist()
            asked = [(place[image], row) for row, image in enumerate(images) if image in place]
            rows, of_asked = np.array(asked, dtype=np.int64).reshape(-1, 2).T
            for name, values in columns.items():
                values[rows] = self.objectives[name][of_asked]
        return {**self.effects, **columns, "sigma_in_z": scale}


@dataclass(frozen=True)
class ArmResult:
    """What an arm did at one epsilon.

    Attributes
    ----------
    name, model
        The arm's, and whose responses it drove.
    change
        Mean measured change in the sealed direction, sigma.
    truth
        The same of a simulated subject's hidden rates; NaN of a real one.
    reviews
        How well each model foretold the changes.
    """

    name: str
    model: str
    change: Estimate
    truth: float
    reviews: ArmReviews


@dataclass(frozen=True)
class ComparedArms:
    """All arms of one kind of objective at one epsilon.

    Attributes
    ----------
    epsilon
        Which.
    arms
        The one that moved sites most first; of levels in the protocol's order.
    differences
        Of every two, on the pairs that both attacked.
    kind
        What their images were to attain; `ATTACK`: the largest change.
    is_adaptive
        Whether earlier days decided how much an arm attacked, so that means are taken session by session.
    """

    epsilon: float
    arms: tuple[ArmResult, ...]
    differences: tuple[ArmDifference, ...]
    kind: str = ATTACK
    is_adaptive: bool = False

    @property
    def reviewers(self) -> tuple[str, ...]:
        """The models, in the order in which they were sealed."""
        return tuple(review.reviewer for review in self.arms[0].reviews.reviews) if self.arms else ()


def compared_arms(sessions: Sequence[SessionArms]) -> tuple[ComparedArms, ...]:
    """Return the arms of some sessions together, an entry an epsilon and kind of objective.

    An image that several sessions attacked is one image: what its attacks did on several days is not independent. Where
    earlier days decided how much each arm attacked, means and differences are taken session by session, and a session
    weighs by how many attacks of all arms were measured: the protocol says how many are made, and no result changes it.

    Parameters
    ----------
    sessions
        Of one study.
    """
    effects = _joined([_numbered(one.whole, number) for number, one in enumerate(sessions)])
    foretold = _joined([_numbered(one.foretold, number) for number, one in enumerate(sessions)])
    if not len(effects.get("epsilon", ())):
        return ()
    is_adaptive = any(one.allocation is not None for one in sessions)
    kinds = dict.fromkeys(effects["objective_kind"].tolist())
    return tuple(
        _at_epsilon(float(epsilon), str(kind), _rows(own, own["epsilon"] == epsilon), foretold, is_adaptive=is_adaptive)
        for kind in sorted(kinds, key=lambda kind: kind != ATTACK)
        for own in [_rows(effects, effects["objective_kind"] == kind)]
        for epsilon in np.unique(own["epsilon"])
    )


def _weights(effects: Columns) -> dict[int, float]:
    """Return how many attacks of all arms each session measured."""
    sessions, measured = np.unique(effects["session"][np.isfinite(effects["change"])], return_counts=True)
    return dict(zip(sessions.tolist(), measured.astype(float).tolist(), strict=True))


def _numbered(columns: Columns, session: int) -> Columns:
    n = len(columns["image_index"])
    return {**columns, "session": np.full(n, session, dtype=np.int64)}


def _joined(tables: Sequence[Columns]) -> Columns:
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]} if tables else {}


def _rows(columns: Columns, keep: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Columns:
    return {name: column[keep] for name, column in columns.items()}


def _at_epsilon(epsilon: float, kind: str, effects: Columns, foretold: Columns, *, is_adaptive: bool) -> ComparedArms:
    weights = _weights(effects) if is_adaptive else None
    _, image = np.unique(effects["image_id"].astype(np.str_), return_inverse=True)
    _, site = np.unique(effects["neuroid_id"].astype(np.str_), return_inverse=True)
    asked = np.stack([effects["session"], np.nan_to_num(effects["target"])])  # each level of a pair is compared alone
    _, occasion = np.unique(asked, axis=1, return_inverse=True)
    signed = effects["change"] * effects["predicted_sign"]
    true = effects["true_change"] * effects["predicted_sign"]
    names = list(dict.fromkeys(effects["arm"].tolist()))
    is_own = [effects["arm"] == name for name in names]
    changes = [
        ArmChanges(name, signed[own], image[own], site[own], occasion[own])
        for name, own in zip(names, is_own, strict=True)
    ]
    found = [
        ArmResult(
            name,
            str(effects["model"][rows][0]),
            own.mean(seed=_SEED, weights=weights),
            true_mean_of_sessions(true[rows], session=own.session, weights=weights),
            _reviews(_rows({**effects, "image": image}, rows), foretold),
        )
        for name, own, rows in zip(names, changes, is_own, strict=True)
    ]
    if kind != LEVEL:  # how far an image at a level moved a site is no merit
        found.sort(key=lambda one: -one.change.mean if np.isfinite(one.change.mean) else np.inf)
    compared = compare_arms(changes, seed=_SEED, weights=weights)
    return ComparedArms(epsilon, tuple(found), compared, kind, is_adaptive)


def _reviews(effects: Columns, foretold: Columns) -> ArmReviews:
    place = {
        key: row
        for row, key in enumerate(zip(effects["session"].tolist(), effects["image_index"].tolist(), strict=True))
    }
    keys = zip(foretold["session"].tolist(), foretold["image_index"].tolist(), strict=True)
    rows = np.array([place.get(key, -1) for key in keys], dtype=np.int64)
    said = dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]()
    for name in dict.fromkeys(foretold["reviewer"].tolist()):
        own = (foretold["reviewer"] == name) & (rows >= 0)
        said[str(name)] = np.full(len(effects["change"]), np.nan)
        said[str(name)][rows[own]] = foretold["foretold"][own]
    measured, *halves = (effects[name] * effects["sigma_in_z"] for name in ("change", "first_half", "second_half"))
    return review_arm(measured, said, halves=(halves[0], halves[1]), image_index=effects["image"], seed=_SEED)
