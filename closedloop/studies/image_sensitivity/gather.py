"""Attacked images of a day beside their clean ones, repetition by repetition, from a study's published files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from closedloop.access.counted import counted_responses
from closedloop.access.sessions import sessions_showing
from closedloop.access.study import Study
from closedloop.analysis.repetitions import repetitions_of
from closedloop.artifacts.protocol.image_sensitivity import REPEATED
from closedloop.errors import StudyError

Floats = NDArray[np.float64]
ShownAs: TypeAlias = Literal["repeated", "attacked"]

_LEAST_EPSILONS = 2  # of one there is no slope


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

    What people left out of the evaluation is left out here. All sessions of the day count that show such images.

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
        The study has no such day, or the day no attacked image at two epsilons that counts.
    """
    chosen = _choose(study) if day is None else day
    shown: ShownAs = "repeated" if (study.pairs(chosen)["kind"] == REPEATED).any() else "attacked"
    parts = [_session(seen, chosen, shown, truth=truth) for seen in sessions_showing(study, chosen, shown)]
    found = _joined([part for part in parts if len(part.epsilon)] or parts[:1])
    n_epsilons = len(np.unique(found.epsilon))
    if n_epsilons < _LEAST_EPSILONS:
        raise StudyError(
            f"{study.path}: expected attacked images that count at two epsilons or more on day {chosen}, found "
            f"{n_epsilons}. Choose another with --day."
        )
    return found


def _choose(study: Study) -> int:
    """Return the last evaluated day with images that were shown many times, or with attacks at several epsilons."""
    pairs = study.pairs()
    counted = pairs[np.isfinite(pairs["change"])]
    for kind in (REPEATED, "attacked"):
        of_kind = counted[counted["kind"] == kind].groupby("day")["epsilon"].nunique()
        several = of_kind[of_kind >= _LEAST_EPSILONS]
        if len(several):
            return int(several.index.max())
    raise StudyError(
        f"{study.path}: expected a day with attacked images that count at two epsilons or more, found none. Without "
        "two sizes there is no slope."
    )


def _session(study: Study, day: int, shown: ShownAs, *, truth: bool) -> GatheredPairs:
    """Return the pairs of one session, in the units of its own clean images."""
    stimuli = study.stimuli(day)
    own = stimuli[stimuli["kind"] == shown]
    presented, rates = counted_responses(study, day)
    used = presented["used"].to_numpy()
    image_index = presented["image_index"].to_numpy(dtype=np.int64)[used]
    by_image = repetitions_of(
        rates.to_numpy(dtype=np.float64)[used], image_index, n_images=int(stimuli.index.max()) + 1
    )
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
    return gathered.select(counted)


def _joined(parts: Sequence[GatheredPairs]) -> GatheredPairs:
    """Return the pairs of a day's sessions together, by site, image and epsilon; in Hz by the last one's sigma."""
    names, image = np.unique([part.image_ids[one] for part in parts for one in part.image_index], return_inverse=True)

    def repetitions(name: str) -> Floats:
        arrays = [getattr(part, name) for part in parts]
        most = max(array.shape[1] for array in arrays)
        return np.concatenate(
            [np.pad(array, ((0, 0), (0, most - array.shape[1])), constant_values=np.nan) for array in arrays]
        )

    whole = replace(
        parts[-1],
        clean=repetitions("clean"),
        changed=repetitions("changed"),
        sign=np.concatenate([part.sign for part in parts]),
        epsilon=np.concatenate([part.epsilon for part in parts]),
        image_index=image.reshape(-1).astype(np.int64),
        site_index=np.concatenate([part.site_index for part in parts]),
        image_ids=tuple(map(str, names)),
        true_change=np.concatenate([part.true_change for part in parts]),
    )
    return whole.select(np.lexsort((whole.epsilon, whole.image_index, whole.site_index)))


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
