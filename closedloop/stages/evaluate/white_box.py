"""White-box attacks by evaluation: the loop's own items, on a network whose gradient is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.day_responses import DayResponses
from closedloop.attacks.engine.batch_size import BatchSize
from closedloop.attacks.engine.devices import own_workers
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import Schedule
from closedloop.attacks.synthesis.items import AttackItem
from closedloop.attacks.synthesis.sources import ModelSource
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import Workers
from closedloop.stages.evaluate.pairs import Floats, Integers
from closedloop.stages.evaluate.rows import ALL, ANCHORS, Row, absolute_rows

WHITE_BOX = "white box"
"""Names the attacks on the cortex: their seed, and the folder of their half-done work."""


@dataclass(frozen=True)
class WhiteBoxItems:
    """The (image, output, epsilon) triples that are attacked.

    Attributes
    ----------
    clean_index
        Row of the stimulus set.
    site_index
        Output of the network.
    image_set
        Which images these are: anchors, or all attacked images where a protocol has no anchors.
    """

    clean_index: Integers
    site_index: Integers
    epsilon: Floats
    image_set: str


@dataclass(frozen=True)
class AttackWork:
    """How attacks are computed; no result depends on it.

    Attributes
    ----------
    batch_size
        Images at once.
    workers
        Who does what can be shared out; None: this machine.
    scratch
        Folder for half-done work that a restart finds again.
    progress
        Called with (done, total) attacks.
    """

    batch_size: BatchSize
    workers: Workers | None
    scratch: Path
    progress: ProgressCallback


def items_of_day(day: DayResponses) -> WhiteBoxItems:
    """Return the day's own attack items on anchors, at bound sites."""
    anchors = day.stimuli.rows(kind="attacked", role="anchor")
    rows = anchors if len(anchors) else day.stimuli.rows(kind="attacked")
    columns = day.stimuli.columns
    rows = rows[columns["site_index"][rows] < len(day.sites)]
    return WhiteBoxItems(
        clean_index=columns["clean_index"][rows].astype(np.int64),
        site_index=columns["site_index"][rows].astype(np.int64),
        epsilon=columns["epsilon"][rows],
        image_set=ANCHORS if len(anchors) else ALL,
    )


@dataclass(frozen=True)
class WhiteBoxAttacks:
    """What the hidden cortex does under attacks with its own gradient.

    Attributes
    ----------
    items
        What was attacked.
    change
        The largest change found of each item, with its sign, in sigma of the measured responses, (n_items,).
    """

    items: WhiteBoxItems
    change: Floats

    def rows(self) -> list[Row]:
        """Return the mean |change| at each epsilon."""
        return _mean_rows("white_box", self.change, self.items)


def attack_cortex(
    source: ModelSource, day: DayResponses, *, sigma: Floats, seed: int, search: Schedule, work: AttackWork
) -> WhiteBoxAttacks:
    """Attack the hidden cortex with its own gradient, on the images and sites that the day attacked.

    Parameters
    ----------
    source
        The cortex as a network of the day's sites.
    day
        Its own attacked images are attacked.
    sigma
        Measured SD of each site over clean images, (n_sites,).
    seed
        Of the random starts.
    search
        How (`from_protocol.attack.white_box_search_of`).
    work
        How it is computed.
    """
    items = items_of_day(day)
    if not len(items.clean_index):
        return WhiteBoxAttacks(items, np.empty(0))
    change = largest_change(source, items, day.stimuli.images, name=WHITE_BOX, seed=seed, search=search, work=work)
    return WhiteBoxAttacks(items, change / sigma[items.site_index])


def largest_change(
    source: ModelSource,
    items: WhiteBoxItems,
    images: NDArray[np.uint8],
    *,
    name: str,
    seed: int,
    search: Schedule,
    work: AttackWork,
) -> Floats:
    """Attack each item with the model's own gradient; return the signed change of its output, (n_items,).

    Parameters
    ----------
    source
        Where the attacked model comes from.
    items
        What is attacked.
    images
        The day's stimuli, uint8, (n_images, height, width, 3).
    name
        Of the attacked network: the folder of its half-done work.
    seed
        Of the random starts.
    search
        How.
    work
        How it is computed.
    """
    result = synthesize(
        source,
        [
            AttackItem(f"{seed}|{place}|{clean}|{site}|{epsilon:g}", int(clean), int(site), float(epsilon))
            for place, (clean, site, epsilon) in enumerate(
                zip(items.clean_index, items.site_index, items.epsilon, strict=True)
            )
        ],
        images,
        method=Method(search),
        lattice=LatticeSettings(steps=0),  # more would be a third of the time for 1 % of the change at epsilon 1
        batch_size=work.batch_size,
        workers=work.workers or own_workers(),
        shard_folder=work.scratch / name,
        progress=work.progress,
    )
    return result.predicted_change


def largest_change_rows(estimate: str, change: Floats, items: WhiteBoxItems, *, sigma: Floats) -> list[Row]:
    """Return rows of the mean of |change| / sigma at each epsilon.

    Parameters
    ----------
    estimate
        The rows' name.
    change
        Of each item, (n_items,).
    items
        What was attacked.
    sigma
        SD of each output over clean images, (n_outputs,).
    """
    return _mean_rows(estimate, change / sigma[items.site_index], items)


def _mean_rows(estimate: str, change: Floats, items: WhiteBoxItems) -> list[Row]:
    return absolute_rows(
        estimate,
        change,
        epsilon=items.epsilon,
        image_index=items.clean_index,
        site_index=items.site_index,
        image_set=items.image_set,
    )
