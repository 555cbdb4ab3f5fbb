"""What past days say of the next one: noise, spread and size of the changes, from published files.

What people left out of the evaluation is left out here too, whether or not the evaluation was made again since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.estimate import Floats
from closedloop.analysis.expected.error import sigma_error
from closedloop.analysis.expected.variance_parts import RepeatedPairs
from closedloop.analysis.reliability import split_half_reliability
from closedloop.artifacts import catalog
from closedloop.artifacts.amended.exclusions import left_out, of_session
from closedloop.artifacts.day_responses import DayResponses, read_day_responses
from closedloop.artifacts.day_use import evaluated_clean_rows, leave_out
from closedloop.artifacts.files.kinds import Readable
from closedloop.artifacts.records.amendments import Amendment
from closedloop.artifacts.records.sequence import FIRST, Block
from closedloop.gates.context import GateContext
from closedloop.gates.day_rates import window_s
from closedloop.stages.evaluate.pairs import ImagePairs, Measured, measure, pairs_of

_LEAST_PAIRS = 3  # of fewer no variance is told
_SEED_OF_HALVES = 0


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
    n_clean
        These images, as many as have a response.
    used
        Part of the accepted presentations whose responses count.
    block
        Which of the day's sessions.
    noise
        Variance of one presentation of a clean image, in sigma squared, of each site, (n_sites,); NaN where no image
        was seen twice.
    """

    day: int
    by_epsilon: Mapping[float, ObservedPairs]
    site_names: tuple[str, ...]
    sigma_error: Floats
    reliability: Floats
    clean_repetitions: int
    n_clean: int
    used: float
    block: int = 1
    noise: Floats = field(default_factory=lambda: np.empty(0))

    @property
    def is_fitted(self) -> bool:
        """Whether the model of its attacks had seen responses."""
        return Block(self.day, self.block) != FIRST

    @property
    def has_anchors(self) -> bool:
        """Whether anchors were attacked: of a day of rounds in its last one alone."""
        return any(own.is_anchor.any() for own in self.by_epsilon.values())


def read_observed_sessions(context: GateContext, amendments: Sequence[Amendment]) -> tuple[ObservedDay, ...]:
    """Read the evaluated sessions before one, in order.

    Parameters
    ----------
    context
        Of the session that is planned.
    amendments
        The study's.

    Raises
    ------
    DocumentError
        A published file is missing or damaged.
    """
    return tuple(_read_session(one, amendments) for one in context.earlier if one.has(catalog.EVALUATION))


def observe(
    session: DayResponses,
    *,
    day: int,
    reliability: Floats,
    used: float,
    block: int = 1,
    measured: Measured | None = None,
) -> ObservedDay:
    """Return what a session's responses say.

    Parameters
    ----------
    session
        Stimuli, sites and responses, without those that are left out; pixels are not asked for.
    day
        Its recording day.
    reliability
        Of each site, (n_sites,).
    used
        Part of the presentations whose responses count.
    block
        Which of the day's sessions.
    measured
        Its responses by stimulus, where they are at hand.
    """
    measured = measured or measure(session)
    attacked = pairs_of(session, measured, true_rates_hz=None).select(kind="attacked")
    clean = evaluated_clean_rows(session.stimuli)
    repetitions = session.stimuli.columns["repetitions"][clean]
    return ObservedDay(
        day=day,
        by_epsilon={one: _observed_pairs(attacked.select(epsilon=one)) for one in np.unique(attacked.epsilon).tolist()},
        site_names=tuple(site.neuroid_id for site in session.sites),
        sigma_error=sigma_error(measured.rates_hz[clean]),
        reliability=reliability,
        clean_repetitions=int(np.median(repetitions)) if len(clean) else 1,
        n_clean=int(np.isfinite(measured.rates_hz[clean]).any(axis=1).sum()),
        used=used,
        block=block,
        noise=_noise(measured.repetitions_hz[clean], measured.sigma_hz),
    )


def tells_anything(session: ObservedDay) -> bool:
    """Return whether a session has changes of any epsilon to conclude from."""
    changes = (own.pairs.signed_change for own in session.by_epsilon.values())
    return any(np.isfinite(one).sum() >= _LEAST_PAIRS and np.nanvar(one) > 0 for one in changes)


def tells_noise(session: ObservedDay) -> bool:
    """Return whether a session tells how noisy its sites are, whatever it attacked."""
    return bool(np.isfinite(session.noise).any())


def _noise(repetitions_hz: Floats, sigma_hz: Floats) -> Floats:
    """Return the noise variance of one presentation in sigma squared, (n_sites,); see `ObservedDay`."""
    known = np.isfinite(repetitions_hz)
    n = known.sum(axis=2)
    sums = np.where(known, repetitions_hz, 0.0).sum(axis=2)
    mean = np.divide(sums, n, out=np.full(n.shape, np.nan), where=n > 0)
    squares = np.where(known, (repetitions_hz - mean[..., None]) ** 2, 0.0).sum(axis=(0, 2))
    unit = np.maximum(n - 1, 0).sum(axis=0) * sigma_hz**2
    return np.asarray(np.divide(squares, unit, out=np.full(len(unit), np.nan), where=unit > 0))


def _read_session(context: GateContext, amendments: Sequence[Amendment]) -> ObservedDay:
    whole = _responses(context)
    out = of_session(left_out(amendments, "evaluation", until=context.block), context.block)
    session, _ = leave_out(whole, out, recording_day=context.day)
    quality = context.read(catalog.QUALITY)
    return observe(
        session,
        day=context.day,
        reliability=_reliability(whole, session),
        used=quality.n_used / quality.n_presented if quality.n_presented else 1.0,
        block=context.block.number,
    )


def _responses(context: GateContext) -> DayResponses:
    """Read a session's responses without the pixels of its images, which may be gigabytes."""
    n_images = len(context.read(catalog.STIMULI)["image_index"])

    def read(file: Readable[Any], *, day: int) -> Any:
        if file is catalog.IMAGES:
            return {"images": np.zeros((n_images, 1, 1, 3), dtype=np.uint8)}
        return context.read(file, day=day)

    return read_day_responses(read, context.day, window_s=window_s(context))


def _reliability(whole: DayResponses, session: DayResponses) -> Floats:
    """Return each site's reliability, (n_sites,): as ingest told it, else without what is left out of the session."""
    told = [site.reliability for site in session.sites]
    known = np.array([np.nan if value is None else value for value in told], dtype=np.float64)
    changed = (np.isfinite(whole.rates_hz) & ~np.isfinite(session.rates_hz)).any(axis=0)
    if changed.any():
        shown = np.isin(session.image_index, session.stimuli.rows(kind="clean"))
        again = split_half_reliability(session.rates_hz[shown], session.image_index[shown], seed=_SEED_OF_HALVES)
        known[changed] = again[changed]
    return known


def _observed_pairs(pairs: ImagePairs) -> ObservedPairs:
    repeated = RepeatedPairs(
        pairs.clean_index, pairs.site_index, pairs.predicted_sign, pairs.repetitions_clean, pairs.repetitions_changed
    )
    return ObservedPairs(repeated, pairs.image_id.astype(str), np.asarray(pairs.role == "anchor"))
