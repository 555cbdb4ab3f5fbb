"""The pairs that a day will show: which image at which site, how often, as the stage `plan` makes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from closedloop.analysis.expected.error import PlannedPairs
from closedloop.artifacts.day.queue import ImageQueue, QueuedImage
from closedloop.artifacts.protocol.image_sensitivity import REPEATED
from closedloop.artifacts.protocol.objectives.stated import objectives_on
from closedloop.artifacts.protocol.plane import PLANE
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.protocol.rounds import protocol_of_session
from closedloop.stages.plan import Item, PlannedRows, plan_rows
from closedloop.stages.preference.choice import numbered_preferences

ALL, ANCHORS, FRESH = "all", "anchors", "fresh"  # as in sensitivity.parquet
_LEVEL = "level"
_ROLE_OF_SET = {ANCHORS: ("anchor",), FRESH: ("clean",), ALL: ("anchor", "clean")}


@dataclass(frozen=True)
class DaySites:
    """Outputs of the model on a day.

    Attributes
    ----------
    attacked
        For which images are made and shown.
    counted
        Those of them that the evaluation does not leave out.
    """

    attacked: tuple[int, ...]
    counted: frozenset[int]


@dataclass(frozen=True)
class Ladder:
    """Images that bring sites to the same levels, of one arm or objective or of several alike.

    Attributes
    ----------
    names
        Whose.
    n_images, n_sites, n_pairs, n_levels, n_epsilons
        Clean images and sites, how many pairs of them, to how many levels each is brought, within how many epsilons.
    repetitions
        Showings of each image.
    """

    names: tuple[str, ...]
    n_images: int
    n_sites: int
    n_pairs: int
    n_levels: int
    n_epsilons: int
    repetitions: int

    @property
    def n_made(self) -> int:
        """Images of all that it is of."""
        return len(self.names) * self.n_pairs * self.n_levels * self.n_epsilons

    @property
    def n_presentations(self) -> int:
        """Showings of them."""
        return self.n_made * self.repetitions


@dataclass(frozen=True)
class DayDesign:
    """What a day shows.

    Attributes
    ----------
    presentations
        By what is shown: clean, anchors, normalizers, attacked, controls.
    epsilons
        Of the attacks.
    n_clean
        Fresh clean images, over which sigma is taken.
    counted
        Sites whose pairs will count; None: all that are attacked.
    ladders
        Of its arms and objectives.
    """

    presentations: dict[str, int]
    epsilons: tuple[float, ...]
    n_clean: int
    rows: PlannedRows
    counted: Collection[int] | None = None
    ladders: tuple[Ladder, ...] = ()

    @property
    def n_presentations(self) -> int:
        """All of the day, repetitions included."""
        return sum(self.presentations.values())

    def attacks(self, image_set: str) -> list[Item]:
        """Return the attacks of one epsilon that will count, on a set of images."""
        roles, epsilon = _ROLE_OF_SET[image_set], self.epsilons[0]
        return [
            row
            for row in self.rows.attacks
            if row["epsilon"] == epsilon
            and row["role"] in roles
            and (self.counted is None or int(row["site_index"]) in self.counted)
        ]

    def pairs(self, image_set: str, *, used: float = 1.0) -> PlannedPairs:
        """Return the pairs of one epsilon; those of all epsilons are the same.

        Parameters
        ----------
        image_set
            `ALL`, `ANCHORS` or `FRESH`.
        used
            Part of the presentations that will count.
        """
        own = self.attacks(image_set)
        shown = {row["image_id"]: int(row["repetitions"]) for row in self.rows.images}
        images = [str(row["image_id"]) for row in own]
        return PlannedPairs(
            image_index=np.unique(images, return_inverse=True)[1].astype(np.int64),
            site_index=np.array([row["site_index"] for row in own], dtype=np.int64),
            clean_repetitions=np.array([shown[name] for name in images], dtype=np.int64),
            repetitions=np.array([row["repetitions"] for row in own], dtype=np.int64),
            used=used,
        )


def design_day(
    protocol: Protocol,
    *,
    sites: Sequence[int],
    day: int,
    counted: Collection[int] | None = None,
    number: int = 1,
    is_measured: bool | None = None,
) -> DayDesign:
    """Return what a session of a day will show, whichever images it will be.

    Parameters
    ----------
    protocol
        The experiment.
    sites
        Outputs of the model that are attacked.
    day
        Which.
    counted
        Those of them that the evaluation will count; None: all.
    number
        Which of the day's sessions: of a day of rounds each shows a part.
    is_measured
        Whether anchors are in it; None: as the protocol has it.
    """
    protocol = protocol_of_session(protocol, day=day, number=number, is_measured=is_measured)
    rows = plan_rows(
        _queue_of_numbers(protocol, day),
        protocol,
        sites=sites,
        seed_of=lambda *_names: day,
        was_shown=lambda _attack: day > protocol.attack.first_day,
    )
    images = protocol.images
    presentations = {
        "clean": images.clean_per_day * images.clean_repetitions,
        "anchors": images.anchors * images.anchor_repetitions,
        "normalizers": images.normalizers * images.normalizer_repetitions,
        "attacked": sum(int(row["repetitions"]) for row in rows.attacks if row["kind"] == "attacked"),
        "controls": sum(int(row["repetitions"]) for row in rows.controls),
    }
    if rows.population:
        presentations["decoder"] = sum(int(row["repetitions"]) for row in rows.population)
    if rows.raised:
        preference = protocol.preference
        n_sites = len({row["site_index"] for row in rows.raised})
        presentations["category preference"] = preference.presentations_on(
            day, n_sites=n_sites, epsilons=protocol.attack.epsilons
        )
    if taught := protocol.probes.singles_of(day) + len(rows.probes):
        presentations["singles and probes"] = taught
    if repeated := sum(int(row["repetitions"]) for row in [*rows.images, *rows.attacks] if row["role"] == REPEATED):
        presentations["single images of a few sites"] = repeated
    if planes := sum(int(row["repetitions"]) for row in [*rows.images, *rows.planes] if row["role"] == PLANE):
        presentations["planes of a few sites"] = planes
    if rows.objectives:
        presentations["objectives"] = sum(int(row["repetitions"]) for row in rows.objectives)
    if rows.arms:
        presentations["arms"] = sum(int(row["repetitions"]) for row in rows.of_arms)
    if rows.evolution:
        presentations["evolving images"] = sum(int(row["repetitions"]) for row in rows.evolution)
    ladders = _alike([*_of_arms(rows, protocol), *_of_objectives(protocol, day, sites=sites)])
    return DayDesign(presentations, protocol.attack.epsilons, images.clean_per_day, rows, counted, ladders)


def _of_arms(rows: PlannedRows, protocol: Protocol) -> Iterator[Ladder]:
    for arm in protocol.arms.arms:
        own = [item for who, item in rows.arms if who.name == arm.name]
        if own and arm.objective is not None and arm.objective.kind == _LEVEL:
            pairs = {(item["image_id"], item["site_index"]) for item in own}
            images, sites = (len(set(of)) for of in zip(*pairs, strict=True))
            n_epsilons = len(protocol.arms.epsilons_of(arm))
            yield Ladder((arm.name,), images, sites, len(pairs), len(arm.asked), n_epsilons, protocol.arms.repetitions)


def _of_objectives(protocol: Protocol, day: int, *, sites: Sequence[int]) -> Iterator[Ladder]:
    for one in objectives_on(protocol.objectives, day):
        if one.kind == _LEVEL and sites:
            n_sites = len(sites[: one.n_sites])
            yield Ladder(
                (one.name,), one.n_images, n_sites, one.n_images * n_sites, len(one.targets), 1, one.repetitions
            )


def _alike(ladders: Iterable[Ladder]) -> tuple[Ladder, ...]:
    """Return those that differ in their names alone as one."""
    names: dict[Ladder, tuple[str, ...]] = {}
    for one in ladders:
        unnamed = replace(one, names=())
        names[unnamed] = (*names.get(unnamed, ()), *one.names)
    return tuple(replace(one, names=own) for one, own in names.items())


def _queue_of_numbers(protocol: Protocol, day: int) -> ImageQueue:
    images = protocol.images

    def queued(role: str, n_images: int) -> tuple[QueuedImage, ...]:
        return tuple(QueuedImage(image_id=f"{role} {number}", category=role) for number in range(n_images))

    return ImageQueue(
        simulated=True,
        day=day,
        anchors=queued("anchor", images.anchors),
        normalizers=queued("normalizer", images.normalizers),
        clean=queued("clean", images.clean_per_day),
        singles=queued("single", protocol.probes.singles_of(day)),
        repeated=queued("repeated", protocol.image_sensitivity.images_of(day)),
        plane=queued("plane", protocol.plane.planes_of(day)),
        preference=numbered_preferences(protocol, day),
    )
