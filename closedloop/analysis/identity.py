"""Which electrode is the one it was: its mean response to images shown on both days, compared with noise taken out.

Rates and reliability do not show that two electrodes were exchanged, or that one hears other cells than before; the
profile over images does. An electrode's *signature* is its mean response to each of the images shown every day, less
what all electrodes have in common, for what excites the whole array says nothing of which electrode it is. Two
signatures of one electrode are alike but for noise, whose variance the repetitions tell, and for drift, which the
array's other electrodes tell: it is the one it was unless its signature is surely less alike than most others' are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.estimate import Floats
from closedloop.analysis.likeness import Likeness, likeness_of
from closedloop.analysis.signatures import DayAnswers, Signatures, signatures_on_both

IdentityState = Literal["same", "moved", "retuned", "lost", "dead", "missing", "unknown"]


@dataclass(frozen=True)
class IdentityRules:
    """When an electrode is no more the one it was.

    Attributes
    ----------
    least_images
        Shown on both days: with fewer nobody is told from others.
    least_reliability
        Of a signature, on either day: below, it is mostly noise.
    steady_part
        A signature's correlation with its earlier one, noise taken out, in parts of the median over electrodes: surely
        below it, an electrode is another. On the simulated cortex 999 of 1,000 electrodes keep .65 over five nights.
    match_part
        From there on, in the same parts, an electrode answers as another did.
    certain
        Standard errors that make it sure.
    certain_of_pair
        The same for two electrodes that are alike and each answer as the other did: there are thousands of pairs.
    alive_part
        Of the earlier rate: below, an electrode that does not answer as it did is dead.

    Examples
    --------
    Electrodes that drift more between two days far apart:

    >>> from closedloop.analysis import IdentityRules
    >>> IdentityRules(steady_part=0.5).certain
    2.0
    """

    least_images: int = 12
    least_reliability: float = 0.3
    steady_part: float = 0.7
    match_part: float = 0.8
    certain: float = 2.0
    certain_of_pair: float = 4.0
    alive_part: float = 0.1


@dataclass(frozen=True)
class ElectrodeIdentity:
    """What an electrode of day 0 is now.

    Attributes
    ----------
    neuroid_id
        Its name.
    state
        *same*; *moved*: it answers as `partner` did; *retuned*: it answers as no electrode did whose place is free;
        *lost*: it fires and tells the images apart no more; *dead*: it fires no more, or gave no spike all day;
        *missing*: it was not recorded; *unknown*: too few images, or its signature was noise before or is now.
    correlation, standard_error
        Of its signature with the earlier one, noise taken out: 1 but for drift, and beyond it by chance; None where
        there is none.
    partner, partner_correlation
        The electrode as which it answers, and how well; empty and None otherwise.
    reliability_then, reliability_now
        Of the signature: part of its variance over images that is no noise.
    rate_then_hz, rate_now_hz
        Mean over these images; None without any response.

    Examples
    --------
    >>> from closedloop.analysis import ElectrodeIdentity
    >>> ElectrodeIdentity("array1-012", "moved", partner="array1-040").state
    'moved'
    """

    neuroid_id: str
    state: IdentityState
    correlation: float | None = None
    standard_error: float | None = None
    partner: str = ""
    partner_correlation: float | None = None
    reliability_then: float | None = None
    reliability_now: float | None = None
    rate_then_hz: float | None = None
    rate_now_hz: float | None = None


@dataclass(frozen=True)
class IdentityComparison:
    """A day's electrodes against an earlier day's.

    Attributes
    ----------
    electrodes
        In the earlier day's order.
    n_images
        Shown on both days and answered.
    expected
        Median correlation over electrodes, noise taken out: what drift leaves; None where nobody could be compared.

    Examples
    --------
    >>> from closedloop.analysis import ElectrodeIdentity, IdentityComparison
    >>> found = IdentityComparison((ElectrodeIdentity("array1-012", "dead"),), n_images=67, expected=0.98)
    >>> [one.neuroid_id for one in found.electrodes if one.state == "dead"]
    ['array1-012']
    """

    electrodes: tuple[ElectrodeIdentity, ...]
    n_images: int
    expected: float | None


_RULES = IdentityRules()


def compare_identity(then: DayAnswers, now: DayAnswers, *, rules: IdentityRules = _RULES) -> IdentityComparison:
    """Say of every electrode of an earlier day whether it still is the one it was, and as which one it answers.

    Noise on both days is taken out of the correlation in closed form; its standard error is the jackknife's over
    images. Nothing is drawn by chance.

    Parameters
    ----------
    then, now
        The responses to images shown on both days, among others.
    rules
        When an electrode is another.

    Examples
    --------
    Four electrodes and forty images; the last two were exchanged:

    >>> import numpy as np
    >>> from closedloop.analysis import DayAnswers, compare_identity
    >>> rng = np.random.default_rng(0)
    >>> rates_hz = rng.uniform(0, 80, (40, 4))
    >>> names, image = np.array(["a", "b", "c", "d"]), np.repeat(np.arange(40), 3)
    >>> then = DayAnswers(names, image.astype(str), rates_hz[image] + rng.normal(0, 5, (120, 4)))
    >>> now = DayAnswers(names, image.astype(str), rates_hz[image][:, [0, 1, 3, 2]] + rng.normal(0, 5, (120, 4)))
    >>> [(one.state, one.partner) for one in compare_identity(then, now).electrodes]
    [('same', ''), ('same', ''), ('moved', 'd'), ('moved', 'c')]
    """
    both = signatures_on_both(then, now, least_reliability=rules.least_reliability)
    if both is None or both[0].n_images < rules.least_images:
        n_images = 0 if both is None else both[0].n_images
        return IdentityComparison(_untold(then, now), n_images, None)
    before, after = both
    likeness = likeness_of(before, after, least_reliability=rules.least_reliability, least_images=rules.least_images)
    states = _states(likeness, before, after, rules, is_listed=np.isin(before.neuroid_id, now.neuroid_id))
    partner = _partners(likeness, states, rules)
    described = [_described(e, likeness, (before, after), str(state)) for e, state in enumerate(states)]
    for e, other in partner.items():
        described[e] = replace(
            described[e],
            state="moved",
            partner=str(before.neuroid_id[other]),
            partner_correlation=_known(likeness.correlation[e, other]),
        )
    expected = likeness.expected if likeness.is_comparable.any() else None
    return IdentityComparison(tuple(described), before.n_images, expected)


def _states(
    likeness: Likeness,
    before: Signatures,
    after: Signatures,
    rules: IdentityRules,
    *,
    is_listed: NDArray[np.bool_],
) -> NDArray[Any]:
    """Return the state of each electrode, (n_electrodes,), as if none had moved.

    One that the day lists (`is_listed`) and has no response of gave no spike all day: whether it was recorded cannot be
    told, and it is dead as far as anybody knows.
    """
    steady = rules.steady_part * likeness.expected
    own, error = likeness.own, likeness.standard_error
    with np.errstate(invalid="ignore"):
        is_told = likeness.is_comparable & np.isfinite(error)
        is_other = is_told & (own + rules.certain * error < steady)
        is_same = is_told & ~is_other & (own >= steady)
        was_told = before.reliability >= rules.least_reliability
        is_silent = was_told & ~is_same & (after.rate_hz < rules.alive_part * before.rate_hz)
        is_noise = was_told & ~(after.reliability >= rules.least_reliability)
    is_lost = is_noise & _is_surely_below(likeness, steady * _with_noise(before, rules), certain=rules.certain)
    is_silent |= np.isfinite(before.rate_hz) & ~np.isfinite(after.rate_hz) & is_listed
    return np.select(
        [~is_listed, is_silent, is_lost, is_other, is_same],
        ["missing", "dead", "lost", "retuned", "same"],
        default="unknown",
    )


def _with_noise(before: Signatures, rules: IdentityRules) -> Floats:
    """Return what is seen of a correlation of 1 where today's signature is just no noise, (n_electrodes,)."""
    return np.sqrt(np.clip(before.reliability, 0.0, 1.0) * rules.least_reliability)


def _is_surely_below(likeness: Likeness, bound: Floats, *, certain: float) -> NDArray[np.bool_]:
    """Return where a correlation with its noise is below a bound, by Fisher's z."""
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (np.arctanh(bound) - np.arctanh(likeness.observed)) * np.sqrt(np.maximum(likeness.n_images - 3, 0))
        return np.asarray(z > certain)


def _partners(likeness: Likeness, states: NDArray[Any], rules: IdentityRules) -> dict[int, int]:
    """Return which electrode's earlier signature each electrode that moved has.

    One that is another now may have the place of any that is not the same; of two alike ones, each as the other was,
    both have moved, though neither is unlike itself.
    """
    nearness = likeness.correlation
    exchanged = _exchanged(likeness, rules)
    found = {one: other for pair in exchanged for one, other in (pair, pair[::-1])}
    is_free = ~np.isin(states, ["same", "unknown"])
    candidates = [
        (float(nearness[e, j]), e, j)
        for e in np.flatnonzero(np.isin(states, ["retuned", "dead"])).tolist()
        for j in np.flatnonzero(is_free).tolist()
        if e != j and nearness[e, j] >= rules.match_part * likeness.expected
    ]
    taken = set(found.values())
    for _, e, j in sorted(candidates, key=lambda one: (-one[0], one[1:])):
        if e not in found and j not in taken:
            found[e] = j
            taken.add(j)
    return found


def _exchanged(likeness: Likeness, rules: IdentityRules) -> list[tuple[int, int]]:
    """Return pairs of electrodes that each surely answer as the other did, the surest first, each electrode once.

    Each is as near to the other as it would have to be to itself, and the two together as near as one that moved.
    """
    nearness, own = likeness.correlation, likeness.own
    with np.errstate(invalid="ignore"):
        is_nearer = (nearness > own[:, None]) & (nearness >= rules.steady_part * likeness.expected)
        is_match = nearness + nearness.T >= 2 * rules.match_part * likeness.expected
        is_pair = np.triu(is_nearer & is_nearer.T & is_match & (likeness.crossed > rules.certain_of_pair), k=1)
    pairs = sorted(np.argwhere(is_pair).tolist(), key=lambda pair: (-likeness.crossed[pair[0], pair[1]], pair))
    kept: list[tuple[int, int]] = []
    for one, other in pairs:
        if not {one, other} & {electrode for pair in kept for electrode in pair}:
            kept.append((one, other))
    return kept


def _described(e: int, likeness: Likeness, days: tuple[Signatures, Signatures], state: Any) -> ElectrodeIdentity:
    before, after = days
    own = _known(likeness.own[e])
    return ElectrodeIdentity(
        neuroid_id=str(before.neuroid_id[e]),
        state=state,
        correlation=own,
        standard_error=None if own is None else _known(likeness.standard_error[e]),
        reliability_then=_known(before.reliability[e]),
        reliability_now=_known(after.reliability[e]),
        rate_then_hz=_known(before.rate_hz[e]),
        rate_now_hz=_known(after.rate_hz[e]),
    )


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _untold(then: DayAnswers, now: DayAnswers) -> tuple[ElectrodeIdentity, ...]:
    recorded = set(now.neuroid_id.tolist())
    return tuple(
        ElectrodeIdentity(name, "unknown" if name in recorded else "missing") for name in then.neuroid_id.tolist()
    )
