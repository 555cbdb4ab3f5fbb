"""White-box attacks by evaluation: the loop's own items, on a network whose gradient is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closedloop.artifacts.day_responses import DayResponses
from closedloop.attacks.devices import own_workers
from closedloop.attacks.engine import Method
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.searches.cosine import Cosine
from closedloop.attacks.synthesis import AttackItem, ModelSource, synthesize
from closedloop.stages.context import StageContext
from closedloop.stages.evaluate.pairs import Floats, Integers
from closedloop.stages.evaluate.rows import ALL, ANCHORS


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


def largest_change(
    context: StageContext,
    source: ModelSource,
    items: WhiteBoxItems,
    day: DayResponses,
    *,
    name: str,
    steps: int,
) -> Floats:
    """Attack each item with the model's own gradient; return the signed change of its output, (n_items,)."""
    attack = context.protocol.attack
    result = synthesize(
        source,
        [
            AttackItem(
                f"{context.seed(name)}|{place}|{clean}|{site}|{epsilon:g}", int(clean), int(site), float(epsilon)
            )
            for place, (clean, site, epsilon) in enumerate(
                zip(items.clean_index, items.site_index, items.epsilon, strict=True)
            )
        ],
        day.stimuli.images,
        method=Method(Cosine(steps=steps)),
        lattice=LatticeSettings(steps=0),  # more would be a third of the time for 1 % of the change at epsilon 1
        batch_size=attack.batch_size,
        workers=context.workers if context.workers and source.travels else own_workers(),
        shard_folder=context.scratch / name,
        progress=context.progress,
    )
    return result.predicted_change
