"""Attacked images of a day beside their clean ones, repetition by repetition, from a study's published files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedloop.access.study import Study
from closedloop.analysis.repetitions import repetitions_of
from closedloop.artifacts.protocol.image_sensitivity import REPEATED
from closedloop.errors import StudyError
from closedloop.studies.sessions import session_showing

Floats = NDArray[np.float64]
ShownAs: TypeAlias = Literal["repeated", "attacked"]


@dataclass(frozen=True)
class GatheredPairs:
    """A row a (site, image, epsilon).

    Attributes
    ----------
    day, shown
        Of which day; whether the images are shared by a few sites and shown many times, or each site's own.
    clean, changed
        Repetitions of either image, in sigma, (n_pairs, n_repetitions); NaN where there is none.
    sign
        Sealed, (n_pairs,).
    epsilon
        (n_pairs,).
    image_index, site_index
        Which image and which site, (n_pairs,).
    image_ids, sites
        Their names, by index.
    sigma_hz
        Of each site, (n_sites,).
    true_change
        Of the hidden cortex, in sigma, (n_pairs,); NaN where it is not known or was not asked for.
    """

    day: int
    shown: ShownAs
    clean: Floats
    changed: Floats
    sign: NDArray[np.int64]
    epsilon: Floats
    image_index: NDArray[np.int64]
    site_index: NDArray[np.int64]
    image_ids: tuple[str, ...]
    sites: tuple[str, ...]
    sigma_hz: Floats
    true_change: Floats

    def select(self, rows: NDArray[Any]) -> GatheredPairs:
        """Keep some of the pairs."""
        names = ("clean", "changed", "sign", "epsilon", "image_index", "site_index", "true_change")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})


def gather_pairs(study: Study, day: int | None, *, truth: bool) -> GatheredPairs:
    """Gather a day's pairs: of images shown many times where the day has them, else of all attacked images.

    What people left out of the evaluation is left out here. Of a day of several sessions the last one counts that shows
    such images.

    Parameters
    ----------
    study
        A study.
    day
        Which; None: the last one that shows images many times, or else the last one with attacks.
    truth
        Also what the hidden cortex did.

    Raises
    ------
    StudyError
        The study has no such day, or the day no attacked image at two epsilons.
    """
    chosen = _choose(study) if day is None else day
    shown: ShownAs = "repeated" if (study.pairs(chosen)["kind"] == REPEATED).any() else "attacked"
    at = session_showing(study, chosen, shown)
    stimuli = at.stimuli(chosen)
    own = stimuli[stimuli["kind"] == shown]
    if own["epsilon"].nunique() < 2:
        raise StudyError(
            f"{study.path}: expected attacked images at two epsilons or more on day {chosen}, found "
            f"{own['epsilon'].nunique()}. Choose another with --day."
        )
    return _joined(at, chosen, shown, own, truth=truth)


def _choose(study: Study) -> int:
    """Return the last evaluated day with images that were shown many times, or with attacks at several epsilons."""
    pairs = study.pairs()
    for kind in (REPEATED, "attacked"):
        of_kind = pairs[pairs["kind"] == kind].groupby("day")["epsilon"].nunique()
        several = of_kind[of_kind > 1]
        if len(several):
            return int(several.index.max())
    raise StudyError(
        f"{study.path}: expected a day with attacked images at two epsilons or more, found none. Without two sizes "
        "there is no slope."
    )


def _joined(study: Study, day: int, shown: ShownAs, own: Any, *, truth: bool) -> GatheredPairs:
    presented, rates = study.presentations(day), study.responses(day)
    used = presented["used"].to_numpy()
    image_index = presented["image_index"].to_numpy(dtype=np.int64)[used]
    n_images = int(study.stimuli(day).index.max()) + 1
    by_image = repetitions_of(rates.to_numpy(dtype=np.float64)[used], image_index, n_images=n_images)
    sites = tuple(rates.columns)
    told = study.evaluation(day).sigma_hz
    sigma_hz = np.array([np.nan if told.get(site) is None else told[site] for site in sites], dtype=np.float64)
    place = {index: column for column, index in enumerate(study.sites(day)["site_index"].dropna().astype(int))}
    own = own[own["site_index"].isin(list(place))]  # on day 0 outputs are attacked that get no electrode
    site = np.array([place[index] for index in own["site_index"]], dtype=np.int64)
    counted, true_change = _counted(study, day, own["stimulus_id"].tolist(), [sites[one] for one in site], truth=truth)
    names, image = np.unique(own["image_id"].to_numpy(dtype=str), return_inverse=True)
    scale = sigma_hz[site][:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        clean, changed = (
            by_image[rows, site] / scale for rows in (own["clean_index"].to_numpy(), own.index.to_numpy())
        )
    gathered = GatheredPairs(
        day=day,
        shown=shown,
        clean=clean,
        changed=changed,
        sign=own["predicted_sign"].to_numpy(dtype=np.int64),
        epsilon=own["epsilon"].to_numpy(dtype=np.float64),
        image_index=image.astype(np.int64),
        site_index=site,
        image_ids=tuple(names.tolist()),
        sites=sites,
        sigma_hz=sigma_hz,
        true_change=true_change,
    )
    order = np.lexsort((gathered.epsilon, gathered.image_index, gathered.site_index))
    return gathered.select(order[counted[order]])


def _counted(
    study: Study, day: int, stimuli: list[str], sites: list[str], *, truth: bool
) -> tuple[NDArray[np.bool_], Floats]:
    """Return which pairs the evaluation counts, and their hidden changes where they are asked for."""
    pairs = study.pairs(day, truth=truth)
    change = dict(zip(zip(pairs["stimulus_id"], pairs["neuroid_id"], strict=True), pairs["change"], strict=True))
    true = dict(zip(change, pairs["true_change"], strict=True)) if truth and "true_change" in pairs else {}
    names = list(zip(stimuli, sites, strict=True))
    counted = np.array([np.isfinite(change.get(name, np.nan)) for name in names], dtype=bool)
    return counted, np.array([true.get(name, np.nan) for name in names], dtype=np.float64)
