"""What past days say of the next one: noise, spread and size of the changes, from published files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.estimate import Floats
from closedloop.analysis.expected_error import sigma_error
from closedloop.analysis.variance_parts import RepeatedPairs
from closedloop.artifacts import catalog
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.sequence import FIRST, Block
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.gates.context import GateContext
from closedloop.gates.day_rates import clean_rates, model_sites
from closedloop.gates.review.changes import read_changes


@dataclass(frozen=True)
class ObservedPairs:
    """A day's attacks of one epsilon.

    Attributes
    ----------
    pairs
        In sigma of the day.
    image_id
        Name of each pair's clean image, (n_pairs,): an anchor has the same one on every day.
    is_anchor
        (n_pairs,).
    """

    pairs: RepeatedPairs
    image_id: NDArray[np.str_]
    is_anchor: NDArray[np.bool_]


@dataclass(frozen=True)
class ObservedDay:
    """What an evaluated session of a day measured.

    Attributes
    ----------
    day
        Counted from 0; the attacks of day 0 follow a model that had seen no response.
    by_epsilon
        Its attacks.
    site_names
        The model's sites, by output.
    sigma_error
        Relative standard error of each site's sigma, (n_sites,).
    reliability
        Of each site, split halves over its clean images, (n_sites,); NaN where unknown.
    clean_repetitions
        Of the images that reliability and sigma are of.
    used
        Part of the accepted presentations whose responses count.
    block
        Which of the day's sessions.
    """

    day: int
    by_epsilon: Mapping[float, ObservedPairs]
    site_names: tuple[str, ...]
    sigma_error: Floats
    reliability: Floats
    clean_repetitions: int
    used: float
    block: int = 1

    @property
    def is_fitted(self) -> bool:
        """Whether the model of its attacks had seen responses."""
        return Block(self.day, self.block) != FIRST


def read_observed_days(
    paths: StudyPaths, study: StudyDocument, protocol: Protocol, *, before: int
) -> tuple[ObservedDay, ...]:
    """Read the evaluated sessions before a day, in order.

    Parameters
    ----------
    paths, study, protocol
        The study.
    before
        The day that is planned.

    Raises
    ------
    DocumentError
        A published file is missing or damaged.
    """
    contexts = [GateContext(paths.at(one), study, protocol, one.day) for one in paths.sequence.blocks(before)]
    return tuple(_read_day(context) for context in contexts if context.has(catalog.EVALUATION))


def _read_day(context: GateContext) -> ObservedDay:
    stimuli, evaluation = context.read(catalog.STIMULI), context.read(catalog.EVALUATION)
    sites = model_sites(context)
    names = np.array([site.neuroid_id for site in sites], dtype=str)
    clean = clean_rates(context, roles=("clean",), parts=("evaluation",))
    quality = context.read(catalog.QUALITY)
    reliability = [evaluation.reliability.get(name) for name in names.tolist()]
    fresh = (stimuli["kind"] == "clean") & (stimuli["role"] == "clean")
    epsilons = np.unique(stimuli["epsilon"][stimuli["kind"] == "attacked"]).tolist()
    return ObservedDay(
        day=context.day,
        by_epsilon={epsilon: _read_pairs(context, epsilon) for epsilon in epsilons},
        site_names=tuple(names.tolist()),
        sigma_error=sigma_error(clean.of(clean.stimulus_id, names)),
        reliability=np.array([np.nan if value is None else value for value in reliability], dtype=np.float64),
        clean_repetitions=int(np.median(stimuli["repetitions"][fresh])) if fresh.any() else 1,
        used=quality.n_used / quality.n_presented if quality.n_presented else 1.0,
        block=context.block.number,
    )


def _read_pairs(context: GateContext, epsilon: float) -> ObservedPairs:
    found = read_changes(context, kind="attacked", epsilon=epsilon)
    pairs = RepeatedPairs(found.image_index, found.site_index, found.sign, found.clean, found.changed)
    image_id = np.asarray(context.read(catalog.STIMULI)["image_id"][found.image_index], dtype=str)
    return ObservedPairs(pairs, image_id, found.is_anchor)
