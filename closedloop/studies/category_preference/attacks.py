"""The attacks of a day that were to raise sites, and the fresh images of preferred categories beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedloop.access.counted import counted_responses
from closedloop.access.sessions import sessions_showing
from closedloop.access.study import Study
from closedloop.artifacts.day_use import PREFERENCE

Floats = NDArray[np.float64]
AttackKind: TypeAlias = Literal["least_preferred", "any_category", "none"]


@dataclass(frozen=True)
class RaisedImages:
    """What a site answered to images that were attacked to raise it, the same at every epsilon.

    Attributes
    ----------
    clean_index
        Rows of the day's images, the clean ones, (n_images,).
    attacked_index
        And the attacked ones, (n_images, n_epsilons).
    rates_hz
        At epsilon 0 (clean) and at each epsilon, (n_images, 1 + n_epsilons).
    """

    clean_index: NDArray[np.int64]
    attacked_index: NDArray[np.int64]
    rates_hz: Floats


@dataclass(frozen=True)
class AttackDay:
    """A day's attacks that were to raise sites.

    Attributes
    ----------
    study
        As it is seen from the session that shows them.
    day
        Which.
    kind
        On images of which categories.
    epsilons
        Ascending, without 0.
    raised
        By site.
    preferred
        Fresh images of the category that a site preferred before, rows of the day's images, by site; empty without.
    sample
        The site whose spikes the day's evaluation kept; empty without one.
    n_elsewhere
        Such attacks in the day's earlier sessions, which do not count here: their images have no fresh ones of
        preferred categories beside them.
    """

    study: Study
    day: int
    kind: AttackKind
    epsilons: tuple[float, ...]
    raised: Mapping[str, RaisedImages]
    preferred: Mapping[str, NDArray[np.int64]]
    sample: str
    n_elsewhere: int = 0


def day_of_attacks(study: Study) -> int | None:
    """Return the last day with attacks that count on images of least preferred categories, else on any."""
    if not study.evaluated_days:
        return None
    pairs = study.pairs()
    pairs = pairs[np.isfinite(pairs["change"])]
    for kind in (PREFERENCE, "attacked"):
        days = pairs.loc[(pairs["kind"] == kind) & (pairs["predicted_sign"] > 0), "day"]
        if len(days):
            return int(days.max())
    return None


def read_attacks(study: Study, day: int, *, avoid: Mapping[str, str]) -> AttackDay:
    """Read a day's attacks that were to raise sites; of several sessions that show any, the last one's.

    Parameters
    ----------
    study
        A study.
    day
        Which.
    avoid
        By site the preferred category, whose images do not count among ordinary attacks.
    """
    pairs = study.pairs(day)
    of_least = bool((pairs["kind"] == PREFERENCE).any())
    kind = PREFERENCE if of_least else "attacked"
    *others, seen = sessions_showing(study, day, kind)
    evaluation, stimuli = seen.evaluation(day), seen.stimuli(day)
    index = dict(zip(stimuli["stimulus_id"], stimuli.index.tolist(), strict=True))
    own = pairs[(pairs["kind"] == kind) & (pairs["predicted_sign"] > 0) & pairs["stimulus_id"].isin(index)]
    attacked = [index[name] for name in own["stimulus_id"]]
    clean, category = (stimuli.loc[attacked, name].to_numpy() for name in ("clean_index", "category"))
    table = _Pairs(
        own["neuroid_id"].to_numpy(dtype=str),
        np.array(attacked, dtype=np.int64),
        clean.astype(np.int64),
        own["epsilon"].to_numpy(dtype=np.float64),
        own["rate_clean_hz"].to_numpy(dtype=np.float64),
        own["rate_changed_hz"].to_numpy(dtype=np.float64),
    )
    keep = np.array([of_least or avoid.get(site) != name for site, name in zip(table.site, category, strict=True)])
    epsilons = tuple(np.unique(table.epsilon).tolist())
    raised = {site: table.of_site(site, epsilons, keep) for site in dict.fromkeys(pairs["neuroid_id"])}
    return AttackDay(
        study=seen,
        day=day,
        kind="least_preferred" if of_least else "any_category",
        epsilons=epsilons,
        raised={site: found for site, found in raised.items() if len(found.clean_index)},
        preferred={one.neuroid_id: np.array(one.image_index, dtype=np.int64) for one in evaluation.preference},
        sample=evaluation.rasters[0].neuroid_id if evaluation.rasters else "",
        n_elsewhere=sum(_n_up(one, day, kind) for one in others),
    )


def _n_up(seen: Study, day: int, kind: str) -> int:
    stimuli = seen.stimuli(day)
    return int(((stimuli["kind"] == kind) & (stimuli["predicted_sign"] > 0)).sum())


@dataclass(frozen=True)
class _Pairs:
    """Columns of the day's pairs, one entry an attacked image at its site."""

    site: NDArray[np.str_]
    attacked: NDArray[np.int64]
    clean: NDArray[np.int64]
    epsilon: Floats
    clean_hz: Floats
    changed_hz: Floats

    def of_site(self, site: str, epsilons: tuple[float, ...], keep: NDArray[np.bool_]) -> RaisedImages:
        """Return the images of a site that were measured clean and at every epsilon."""
        measured = np.isfinite(self.clean_hz) & np.isfinite(self.changed_hz)
        rows = np.flatnonzero((self.site == site) & keep & measured)
        of_image: dict[int, dict[float, int]] = {}
        for row in rows.tolist():
            of_image.setdefault(int(self.clean[row]), {})[float(self.epsilon[row])] = row
        whole = [(image, [at[one] for one in epsilons]) for image, at in of_image.items() if len(at) == len(epsilons)]
        places = np.array([at for _, at in whole], dtype=np.int64).reshape(len(whole), len(epsilons))
        clean_hz = self.clean_hz[places[:, :1]] if whole else np.empty((0, 1))
        return RaisedImages(
            np.array([image for image, _ in whole], dtype=np.int64),
            self.attacked[places],
            np.concatenate([clean_hz, self.changed_hz[places]], axis=1),
        )


def image_rates_hz(study: Study, day: int, site: str) -> Floats:
    """Return a site's mean rate to each image of a day, over the presentations that count, (n_images,); NaN without.

    Parameters
    ----------
    study
        A study.
    day
        Which.
    site
        neuroid_id.
    """
    shown, responses = counted_responses(study, day)
    rates, found = responses[site], np.full(len(study.stimuli(day)), np.nan)
    means = rates[shown["used"]].groupby(shown.loc[shown["used"], "image_index"]).mean()
    found[means.index.to_numpy(dtype=np.int64)] = means.to_numpy()
    return found
