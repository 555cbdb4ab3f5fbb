"""Whether the sessions of days to come can be scheduled: their orders, made from numbers as the stages make them."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from closedloop.artifacts.day.queue import ImageQueue, QueuedImage
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.protocol.rounds import protocol_of_session, rounds_of_day
from closedloop.artifacts.records.sequence import Block
from closedloop.stages.plan import PlannedRows, plan_rows
from closedloop.stages.preference.choice import numbered_preferences
from closedloop.stages.schedule import order_presentations, twins_too_near, two_digits

ModelOutputs = Sequence[int]


def separation_not_kept(
    protocol: Protocol, *, subject: str, n_days: int, sites: ModelOutputs | None = None, day: int = 0
) -> str:
    """Return in one line where an image and its twins cannot be kept apart, and what can be kept on every day.

    It is empty where they can.

    What is tried is what the stages will do: the same rows, the same seeds, the same random orders. How many sites the
    days after the first will have is told by day 0's recording: every number is tried, the first outputs of the model.

    Parameters
    ----------
    protocol
        The experiment.
    subject
        Decides the orders, with the protocol's seed.
    n_days
        Days that will be run.
    sites
        Outputs of the model that are attacked, where it is known; else all on day 0, and any number of them later.
    day
        The first day to look at.
    """
    every = protocol.sites.n_sites
    sessions = _to_come(protocol, subject, n_days=n_days, sites=sites, day=day)
    kept_min, narrowest = _kept_by_all(sessions, protocol.presentation.twin_separation_min)
    if narrowest is None:
        return ""
    n_sites = len(narrowest.sites)
    few = f", should only {n_sites} of {every} sites be chosen" if n_sites < every else ""
    return twins_too_near(protocol, kept_min, where=f"on {narrowest.block.said}{few}")


def separation_kept_min(protocol: Protocol, *, subject: str, n_days: int) -> float:
    """Return how many minutes twins are kept apart on all days: as many as the protocol wants, where that can be.

    Parameters
    ----------
    protocol, subject
        They decide the orders.
    n_days
        Days that will be run.
    """
    sessions = _to_come(protocol, subject, n_days=n_days, sites=None, day=0)
    return _kept_by_all(sessions, protocol.presentation.twin_separation_min)[0]


def _to_come(
    protocol: Protocol, subject: str, *, n_days: int, sites: ModelOutputs | None, day: int
) -> list[_SessionToCome]:
    """Return the sessions that have to keep twins apart, the shortest first."""
    every = protocol.sites.n_sites
    if sites is None:
        cases: list[tuple[int, ModelOutputs]] = [
            (one, range(number))
            for one in range(day, n_days)
            for number in ([*range(1, every)] if one else []) + [every]
        ]
    else:
        cases = [(one, sites) for one in range(day, n_days)]
    cases.sort(key=lambda case: len(case[1]))  # the shortest sessions keep least: they come first
    return [
        _SessionToCome(protocol, subject, Block(that_day, number), chosen)
        for that_day, chosen in cases
        for number in range(1, rounds_of_day(protocol.rounds, that_day) + 1)
    ]


def _kept_by_all(sessions: list[_SessionToCome], wanted_min: float) -> tuple[float, _SessionToCome | None]:
    """Return how many minutes all sessions keep, and which one keeps no more; None where all keep what is wanted.

    An order that keeps much does not say that the one for less keeps it: what one session lowers is tried on all others
    again.
    """
    kept_min, narrowest, n_since = wanted_min, None, 0
    for session in itertools.cycle(sessions):
        if n_since == len(sessions):
            break
        if session.keeps(kept_min):
            n_since += 1
        else:
            kept_min, narrowest, n_since = session.most_min(below=kept_min), session, 1
    return kept_min, narrowest


@dataclass(frozen=True)
class _SessionToCome:
    """A day's session, which need not be planned yet."""

    protocol: Protocol
    subject: str
    block: Block
    sites: ModelOutputs

    def keeps(self, separation_min: float) -> bool:
        """Return whether the scheduler will keep twins so many minutes apart."""
        return separation_min == 0 or self._nearest_min(separation_min) >= separation_min

    def most_min(self, *, below: float) -> float:
        """Return how many minutes are kept where more are not, in two digits.

        What the order keeps by itself is the least of it. Numbers of two digits are some hundred at most: one search
        among them makes a handful of orders.
        """
        by_itself = two_digits(self._nearest_min(0.0))
        tried = [minutes for minutes in _of_two_digits(by_itself, below) if by_itself < minutes < below]
        n_kept = bisect.bisect_left(tried, True, key=lambda minutes: not self.keeps(minutes))
        return tried[n_kept - 1] if n_kept else by_itself

    def _nearest_min(self, separation_min: float) -> float:
        timing = self.protocol.presentation.model_copy(update={"twin_separation_min": separation_min})
        protocol = self.protocol.model_copy(update={"presentation": timing})
        return nearest_twins_min(protocol, subject=self.subject, block=self.block, sites=self.sites)


def _of_two_digits(low: float, high: float) -> list[float]:
    """Return the numbers of two digits of all powers of ten from that of one number to that of another, ascending."""
    exponents = range(math.floor(math.log10(low)) - 1, math.floor(math.log10(high)))
    return [float(f"{digits}e{exponent}") for exponent in exponents for digits in range(10, 100)]


def nearest_twins_min(protocol: Protocol, *, subject: str, block: Block, sites: ModelOutputs) -> float:
    """Return the planned minutes between the nearest twins of a session, which need not be planned yet.

    Parameters
    ----------
    protocol, subject
        They decide the order.
    block
        Which.
    sites
        Outputs of the model that are attacked.
    """

    def seed_of(stage: str) -> Callable[..., int]:
        return partial(derive_seed, protocol.seed, subject, block.seed_name, stage)

    own = protocol_of_session(protocol, day=block.day, number=block.number)
    queue = _some_queue(own, block.day)
    rows = plan_rows(
        queue, own, sites=sites, seed_of=seed_of("plan"), was_shown=lambda _attack: block.day > own.attack.first_day
    )
    clean_index, repetitions = _presented(rows)
    return order_presentations(clean_index, repetitions, own, seed_of=seed_of("schedule"))[1]


def _some_queue(protocol: Protocol, day: int) -> ImageQueue:
    """Return a day's queue of images that are numbers: which photographs they are decides no order."""
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


def _presented(rows: PlannedRows) -> tuple[list[int], list[int]]:
    """Return each image's clean one and its repetitions, in the order of the stimulus set."""
    place = {str(row["image_id"]): number for number, row in enumerate(rows.images)}
    before = [*rows.attacks, *rows.raised, *rows.controls, *rows.probes, *rows.population, *rows.planes]
    before += rows.objectives
    clean_index = [*range(len(rows.images)), *(place[str(row["image_id"])] for row in before)]
    clean_index += range(len(clean_index), len(clean_index) + len(rows.evolution))  # no clean image lies beneath
    clean_index += [place[str(row["image_id"])] for row in rows.of_arms]
    shown = [*rows.images, *before, *rows.evolution, *rows.of_arms]
    return clean_index, [int(row.get("repetitions", 1)) for row in shown]
