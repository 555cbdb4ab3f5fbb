"""Whether the sessions of days to come can be scheduled: their orders, made from numbers as the stages make them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from closedloop.artifacts.day.queue import ImageQueue, QueuedImage
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.stages.plan import PlannedRows, plan_rows
from closedloop.stages.schedule import order_presentations, twins_too_near

ModelOutputs = Sequence[int]

_HALVINGS = 5  # of the separation that was asked for, until it is said what can be kept: to a thirtieth


def separation_not_kept(
    protocol: Protocol, *, subject: str, n_days: int, sites: ModelOutputs | None = None, day: int = 0
) -> str:
    """Return in one line where an image and its twins cannot be kept apart; empty where they can on every day.

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
    if sites is None:
        numbers = {one: [every, *(range(1, every) if one else ())] for one in range(day, n_days)}
        cases: list[tuple[int, ModelOutputs]] = [
            (one, range(number)) for one, tried in numbers.items() for number in tried
        ]
    else:
        cases = [(one, sites) for one in range(day, n_days)]
    for that_day, chosen in cases:
        session = _SessionToCome(protocol, subject, that_day, chosen)
        if not session.keeps(protocol.presentation.twin_separation_min):
            few = f", should only {len(chosen)} of {every} sites be chosen" if len(chosen) < every else ""
            kept = f"that about {session.most_min():.2g} min can be kept on day {that_day}{few}"
            return twins_too_near(protocol, kept)
    return ""


@dataclass(frozen=True)
class _SessionToCome:
    """A day's session, which need not be planned yet."""

    protocol: Protocol
    subject: str
    day: int
    sites: ModelOutputs

    def keeps(self, separation_min: float) -> bool:
        """Return whether the scheduler will keep twins so many minutes apart."""
        timing = self.protocol.presentation.model_copy(update={"twin_separation_min": separation_min})
        protocol = self.protocol.model_copy(update={"presentation": timing})
        return (
            separation_min == 0
            or nearest_twins_min(protocol, subject=self.subject, day=self.day, sites=self.sites) >= separation_min
        )

    def most_min(self) -> float:
        """Return about how many minutes can be kept where those that were asked for cannot."""
        low, high = 0.0, self.protocol.presentation.twin_separation_min
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.keeps(middle) else (low, middle)
        return low


def nearest_twins_min(protocol: Protocol, *, subject: str, day: int, sites: ModelOutputs) -> float:
    """Return the planned minutes between the nearest twins of a day's session, which need not be planned yet.

    Parameters
    ----------
    protocol, subject
        They decide the order.
    day
        Which.
    sites
        Outputs of the model that are attacked.
    """

    def seed_of(stage: str) -> Callable[..., int]:
        return partial(derive_seed, protocol.seed, subject, day, stage)

    rows = plan_rows(_some_queue(protocol, day), protocol, sites=sites, seed_of=seed_of("plan"))
    clean_index, repetitions = _presented(rows)
    return order_presentations(clean_index, repetitions, protocol, seed_of=seed_of("schedule"))[1]


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
    )


def _presented(rows: PlannedRows) -> tuple[list[int], list[int]]:
    """Return each image's clean one and its repetitions, in the order of the stimulus set: clean, attacks, controls."""
    place = {str(row["image_id"]): number for number, row in enumerate(rows.images)}
    items = [*rows.attacks, *rows.controls]
    clean_index = [*range(len(rows.images)), *(place[str(row["image_id"])] for row in items)]
    repetitions = [int(row["repetitions"]) for row in [*rows.images, *items]]
    return clean_index, repetitions
