"""Whether each electrode is still the one it was, of a day whose ingest published no identity.json.

Versions before December 2026 wrote none, and what was found and approved of their days is found again. An electrode is
recognized by its profile over the images shown every day, compared with the days before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.catalog import SITES
from closedloop.artifacts.gates.report import GateFinding, GateLevel
from closedloop.gates.context import GateContext
from closedloop.gates.day_rates import CleanRates, Floats, clean_rates, counted_sites, left_out_of
from closedloop.gates.levels import finding, level_of, worst
from closedloop.gates.wording import bounds, percent, plain

_ROLES = ("normalizer", "anchor")  # shown every day
_LEAST_IMAGES = 12  # with fewer a site cannot be told from others by its profile
_LEAST_SITES = 3
_LEAST_RELIABILITY = 0.4  # of an electrode, on both sides: below, its profile is mostly noise
_OTHERS = 0.05  # part of the other electrodes that may look more like it than it does itself: neighbours are alike
_MARGIN = 0.25  # by which an electrode's profile has to be nearer to another's than to its own, to be taken for it


def identity_by_profiles(context: GateContext) -> GateFinding:
    """Count the model's sites that are nearer to their own profile of the days before than to other electrodes'.

    Two electrodes that were each other before hold by themselves, however many others are as they were.
    """
    limit = context.protocol.gates.site_identity
    expected = f"{bounds(limit, percent)} of the sites nearest to their own answers of the days before, none exchanged"
    alike = _resemblance(context)
    if alike is None:
        found = f"under {_LEAST_IMAGES} images or {_LEAST_SITES} sites that answered on all days: not known"
        return finding("site_identity", "PASS", expected=expected, found=found + left_out_of(context), remedy="")
    recognized = alike.is_recognized[alike.is_of_model]
    exchanged = alike.exchanged()
    part = float(recognized.mean())
    level: GateLevel = worst(level_of(part, limit), "HOLD" if exchanged else "PASS")
    return finding(
        "site_identity",
        level,
        expected=expected,
        found=f"{int(recognized.sum())} of {len(recognized)} sites ({percent(part)}); the median correlation with "
        f"themselves {plain(float(np.median(alike.own[alike.is_of_model])))} over {alike.n_images} images"
        + alike.taken_for(exchanged)
        + left_out_of(context),
        remedy="Compare headstages, connectors and the channel map with the photographs of day 0, and the files' "
        "channel labels. If channels were exchanged, bring the recording with the map that is true; a model fitted to "
        "exchanged sites is wrong for all of them.",
        values={
            "part_recognized": part,
            "median_own": float(np.median(alike.own[alike.is_of_model])),
            "n_sites": float(len(recognized)),
            "n_exchanged": float(2 * len(exchanged)),
            "n_images": float(alike.n_images),
        },
    )


@dataclass(frozen=True)
class _Resemblance:
    """Electrodes that are known on both sides, today's profile (row) against the days before (column).

    `nearness` is the correlation over images, (n, n); `is_of_model` says which electrodes are sites of the model.
    """

    names: NDArray[Any]
    nearness: Floats
    is_of_model: NDArray[np.bool_]
    n_images: int

    @property
    def own(self) -> Floats:
        return np.asarray(np.diag(self.nearness))

    @property
    def is_recognized(self) -> NDArray[np.bool_]:
        """Whether hardly any other electrode's earlier profile is nearer than its own."""
        n_nearer = (self.nearness > self.own[:, None]).sum(axis=1)
        return np.asarray(n_nearer <= _OTHERS * (len(self.names) - 1))

    @property
    def nearest(self) -> NDArray[np.int64]:
        return np.asarray(np.argmax(self.nearness, axis=1))

    @property
    def is_taken(self) -> NDArray[np.bool_]:
        """Whether an electrode is clearly nearer to another one's profile than to its own."""
        return np.asarray(self.nearness.max(axis=1) - self.own > _MARGIN)

    def exchanged(self) -> list[tuple[int, int]]:
        """Return the pairs of electrodes that each answer as the other did."""
        nearest, is_taken = self.nearest, self.is_taken
        return [
            (one, int(nearest[one]))
            for one in np.flatnonzero(is_taken).tolist()
            if one < nearest[one] and is_taken[nearest[one]] and nearest[nearest[one]] == one
        ]

    def taken_for(self, exchanged: list[tuple[int, int]]) -> str:
        """Say which electrodes answer as others did: pairs, or the step by which all are shifted."""
        if exchanged:
            pairs = ", ".join(f"{self.names[one]} and {self.names[other]}" for one, other in exchanged[:4])
            more = f" and {len(exchanged) - 4} more pairs" if len(exchanged) > 4 else ""
            return f"; exchanged: {pairs}{more}"
        taken = np.flatnonzero(self.is_taken)
        if not len(taken):
            return ""
        examples = ", ".join(f"{self.names[one]} answers as {self.names[self.nearest[one]]} did" for one in taken[:3])
        return f"; {examples}" + (f", and {len(taken) - 3} more" if len(taken) > 3 else "")


def _resemblance(context: GateContext) -> _Resemblance | None:
    """Compare profiles of electrodes that repeat themselves today and did on day 0; None where too little is known."""
    days = [clean_rates(one, roles=_ROLES) for one in (*context.earlier, context)]
    names = np.array(sorted(_reliable(context)), dtype=str)
    images = _shown_on_all(days, names)
    if len(images) < _LEAST_IMAGES or len(names) < _LEAST_SITES:
        return None
    *before, now = (_profile(one.of(images, names)) for one in days)
    then = np.mean(before, axis=0)
    known = np.isfinite(now).all(axis=0) & np.isfinite(then).all(axis=0)
    of_model = [site.neuroid_id for site in counted_sites(context.first, context)]
    is_of_model = np.isin(names[known], of_model)
    if is_of_model.sum() < _LEAST_SITES:
        return None
    return _Resemblance(names[known], _correlations(now[:, known], then[:, known]), is_of_model, len(images))


def _shown_on_all(days: list[CleanRates], names: NDArray[Any]) -> NDArray[Any]:
    """Return the images to which most of the electrodes have an answer on every day."""
    images = days[0].stimulus_id
    for one in days:
        images = np.intersect1d(images, one.stimulus_id)
        answered = np.isfinite(one.of(images, names)).sum(axis=1)
        images = images[2 * answered > len(names)]
    return images


def _reliable(context: GateContext) -> set[str]:
    names = [
        {
            site.neuroid_id
            for site in one.read(SITES).sites
            if site.reliability is not None
            and site.reliability >= _LEAST_RELIABILITY
            and not one.uncounted().covers_site(site.neuroid_id)
        }
        for one in (context, context.first)
    ]
    return names[0] & names[1]


def _profile(rates_hz: Floats) -> Floats:
    """Z-score electrodes over images, (n_images, n_electrodes), less what all electrodes have in common.

    What excites the whole array says nothing about which electrode it is.
    """
    z = _standard(rates_hz)
    is_known = np.isfinite(z)
    common = np.where(is_known, z, 0.0).sum(axis=1) / np.maximum(is_known.sum(axis=1), 1)
    return _standard(z - common[:, None])


def _standard(values: Floats) -> Floats:
    spread = values.std(axis=0)
    return np.asarray((values - values.mean(axis=0)) / np.where(spread > 0, spread, np.nan))


def _correlations(now: Floats, then: Floats) -> Floats:
    """Correlate every column of one array with every column of another."""
    return np.asarray(_standard(now).T @ _standard(then) / len(now))
