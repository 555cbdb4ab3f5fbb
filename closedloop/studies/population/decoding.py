"""Every changed image decoded beside its clean one, at equally many repetitions, by a decoder that has seen neither."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.decoding.held_out import (
    deal_folds,
    decoders_of_folds,
    held_out_scores,
    matched_means,
    permuted_accuracy,
)
from closedloop.analysis.decoding.linear import LinearDecoder, fit_decoder, margin_of
from closedloop.analysis.repetitions import repetitions_of
from closedloop.artifacts.naming import derive_seed
from closedloop.errors import StudyError
from closedloop.studies.population.recorded import CHANGED, CLEAN, Floats, Indices, RecordedPopulation, is_taught

SAME, OTHER = "clean_same", "clean_other"
"""Another clean image in the place of a changed one: of the same category, and of another."""

N_FOLDS = 5
N_SHUFFLES = 200
_LEAST = 2  # images of a category; categories; repetitions that tell noise from movement


@dataclass(frozen=True)
class Decoders:
    """Decoders of a study's categories, each fitted to the clean images of four of five folds.

    Attributes
    ----------
    categories
        Names, ascending.
    of_folds
        One a fold.
    whole
        Fitted to all folds: whose directions are looked at.
    fold_of_image
        Fold of every clean image that may be asked about, by its name.
    taught, category
        The images taught: mean responses, (n_images, n_sites), and their categories, (n_images,).
    folds
        Of these images, (n_images,).
    """

    categories: tuple[str, ...]
    of_folds: tuple[LinearDecoder, ...]
    whole: LinearDecoder
    fold_of_image: dict[str, int]
    taught: Floats
    category: Indices
    folds: Indices

    def numbers_of(self, names: NDArray[np.str_]) -> Indices:
        """Return the numbers of categories; -1 of one that too few clean images are of."""
        place = {name: number for number, name in enumerate(self.categories)}
        return np.array([place.get(str(name), -1) for name in names], dtype=np.int64)

    def folds_of(self, image_ids: NDArray[np.str_]) -> Indices:
        """Return the fold of the image beneath each stimulus."""
        return np.array([self.fold_of_image[str(name)] for name in image_ids], dtype=np.int64)

    @cached_property
    def cross_validated(self) -> NDArray[np.bool_]:
        """Which of the taught images are decoded rightly by the decoder that has not seen them."""
        scores = held_out_scores(self.of_folds, self.taught, self.folds)
        return np.asarray(scores.argmax(axis=1) == self.category)

    def means(self) -> Floats:
        """Return the mean of each category's taught images, (n_categories, n_sites)."""
        return repetitions_mean(self.taught, self.category, n=len(self.categories))

    def chance(self, *, seed: int) -> Floats:
        """Return accuracies after shuffling the categories, (n_shuffles,)."""
        n = len(self.categories)
        return permuted_accuracy(
            self.taught, self.category, self.folds, n_categories=n, n_permutations=N_SHUFFLES, seed=seed
        )


def fit_decoders(recorded: RecordedPopulation, *, seed: int, place: str) -> Decoders:
    """Fit decoders to the fresh clean images of all sessions, one vector an image; anchors teach none of them.

    Parameters
    ----------
    recorded
        The study.
    seed
        Of the folds.
    place
        What an error begins with.

    Raises
    ------
    StudyError
        There are not two categories with two images each.
    """
    stimuli = recorded.stimuli
    teaches = is_taught(stimuli)[recorded.stimulus]
    names, image = np.unique(stimuli.image_id[recorded.stimulus[teaches]], return_inverse=True)
    taught = repetitions_mean(recorded.z[teaches], image, n=len(names))
    category_of = dict(zip(stimuli.image_id, stimuli.category, strict=True))
    of_image = np.array([category_of[name] for name in names], dtype=np.str_)
    known, counts = np.unique(of_image, return_counts=True)
    known = known[counts >= _LEAST]
    if len(known) < _LEAST:
        raise StudyError(
            f"{place}: expected clean images, besides the anchors, of at least two categories with two images each, "
            f"found {len(known)} such. Nothing can be decoded; show more images of fewer categories."
        )
    kept = np.isin(of_image, known)
    names, taught, category = names[kept], taught[kept], np.searchsorted(known, of_image[kept])
    folds = deal_folds(category, n_folds=N_FOLDS, seed=derive_seed(seed, "folds"))
    others = np.setdiff1d(stimuli.image_id, names)
    dealt = np.random.default_rng(derive_seed(seed, "folds of anchors")).permutation(len(others)) % N_FOLDS
    fold_of_image = {str(name): int(fold) for name, fold in zip([*names, *others], [*folds, *dealt], strict=True)}
    n = len(known)
    return Decoders(
        categories=tuple(map(str, known)),
        of_folds=decoders_of_folds(taught, category, folds, n_categories=n),
        whole=fit_decoder(taught, category, n_categories=n),
        fold_of_image=fold_of_image,
        taught=taught,
        category=category.astype(np.int64),
        folds=folds.astype(np.int64),
    )


def repetitions_mean(z: Floats, image: Indices, *, n: int) -> Floats:
    """Return each image's mean over all of its presentations, (n, n_sites).

    Parameters
    ----------
    z
        (n_presentations, n_sites).
    image
        Which each shows, (n_presentations,).
    n
        Images.
    """
    sums = np.zeros((n, z.shape[1]))
    np.add.at(sums, image, z)
    return np.asarray(sums / np.bincount(image, minlength=n)[:, None])


@dataclass(frozen=True)
class DecodedPairs:
    """A changed image and the clean one beneath it, shown in the same session, a row each.

    Attributes
    ----------
    kind, category, image_id
        Of the changed image.
    epsilon
        Its budget.
    right_clean, right_changed
        Part of the matched means that are decoded rightly, (n_pairs,).
    margin_clean, margin_changed
        True category's score minus the best other's, nats, mean over matched means.
    stimulus, clean_stimulus
        Rows of the changed and of the clean image in the stimuli; -1 of what was never shown.
    clean_repetitions, changed_repetitions
        All presentations, (n_pairs, n_sites, n_repetitions); NaN where there is none.
    """

    kind: NDArray[np.str_]
    category: NDArray[np.str_]
    image_id: NDArray[np.str_]
    epsilon: Floats
    right_clean: Floats
    right_changed: Floats
    margin_clean: Floats
    margin_changed: Floats
    stimulus: Indices
    clean_stimulus: Indices
    clean_repetitions: Floats
    changed_repetitions: Floats

    def select(self, rows: NDArray[np.bool_]) -> DecodedPairs:
        """Return some of the pairs."""
        return DecodedPairs(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def matched_repetitions(recorded: RecordedPopulation) -> int:
    """Return how many repetitions all that is compared has: what the least shown kind of change usually has."""
    counts = np.bincount(recorded.stimulus, minlength=len(recorded.stimuli.kind))
    usual = [
        int(np.median(counts[rows]))
        for kind in CHANGED
        if (rows := (recorded.stimuli.kind == kind) & (counts > 0)).any()
    ]
    return max(min(usual, default=_LEAST), 1)


def decode_pairs(recorded: RecordedPopulation, decoders: Decoders, *, n: int) -> DecodedPairs:
    """Decode every changed image and its clean one from means over n presentations.

    Pairs of which one was shown less often, or whose category too few clean images are of, are left out.

    Parameters
    ----------
    recorded
        The study.
    decoders
        Of its categories.
    n
        Repetitions of a mean.
    """
    stimuli = recorded.stimuli
    right, margin = _by_stimulus(recorded, decoders, n=n)
    rows = np.flatnonzero(np.isin(stimuli.kind, CHANGED) & (stimuli.clean >= 0))
    rows = rows[np.isfinite(right[rows]) & np.isfinite(right[stimuli.clean[rows]])]
    repetitions = repetitions_of(recorded.z, recorded.stimulus, n_images=len(stimuli.kind))
    clean = stimuli.clean[rows]
    return DecodedPairs(
        kind=stimuli.kind[rows],
        category=stimuli.category[rows],
        image_id=stimuli.image_id[rows],
        epsilon=stimuli.epsilon[rows],
        right_clean=right[clean],
        right_changed=right[rows],
        margin_clean=margin[clean],
        margin_changed=margin[rows],
        stimulus=rows,
        clean_stimulus=clean,
        clean_repetitions=repetitions[clean],
        changed_repetitions=repetitions[rows],
    )


def clean_asked(recorded: RecordedPopulation, decoders: Decoders, *, n: int) -> tuple[Floats, NDArray[np.str_]]:
    """Return how often each clean image beneath a change is decoded rightly from n presentations, and its name.

    Parameters
    ----------
    recorded
        The study.
    decoders
        Of its categories.
    n
        Repetitions of a mean.
    """
    right, _ = _by_stimulus(recorded, decoders, n=n)
    stimuli = recorded.stimuli
    beneath = np.unique(stimuli.clean[np.isin(stimuli.kind, CHANGED) & (stimuli.clean >= 0)])
    beneath = beneath[np.isfinite(right[beneath]) & (stimuli.kind[beneath] == CLEAN)]
    return right[beneath], stimuli.image_id[beneath]


def _by_stimulus(recorded: RecordedPopulation, decoders: Decoders, *, n: int) -> tuple[Floats, Floats]:
    """Return each stimulus' part of right decodings and mean margin; NaN where shown less than n times."""
    stimuli = recorded.stimuli
    means, of = matched_means(recorded.z, recorded.stimulus, n=n)
    own = decoders.numbers_of(stimuli.category[of])
    means, of, own = means[own >= 0], of[own >= 0], own[own >= 0]
    scores = held_out_scores(decoders.of_folds, means, decoders.folds_of(stimuli.image_id[of]))
    n_stimuli = len(stimuli.kind)
    counts = np.bincount(of, minlength=n_stimuli)
    found = []
    for values in ((scores.argmax(axis=1) == own).astype(np.float64), margin_of(scores, own)):
        sums = np.bincount(of, weights=values, minlength=n_stimuli)
        found.append(np.divide(sums, counts, out=np.full(n_stimuli, np.nan), where=counts > 0))
    return found[0], found[1]


def clean_pairs(recorded: RecordedPopulation, decoders: Decoders, *, seed: int) -> DecodedPairs:
    """Return two clean images of a session as if one were the other changed: of the same category, and of another.

    What lies between them is what the decoder hears of change that is no attack. Each anchor has one partner of either
    kind, where the session has one that was shown at least twice.

    Parameters
    ----------
    recorded, decoders
        The study.
    seed
        Of the partners.
    """
    stimuli = recorded.stimuli
    counts = np.bincount(recorded.stimulus, minlength=len(stimuli.kind))
    usable = (stimuli.kind == CLEAN) & (counts >= _LEAST) & (decoders.numbers_of(stimuli.category) >= 0)
    beneath = np.unique(stimuli.clean[np.isin(stimuli.kind, CHANGED) & (stimuli.clean >= 0)])
    rng = np.random.default_rng(derive_seed(seed, "partners"))
    chosen = []
    for row in beneath[usable[beneath]].tolist():
        there = np.flatnonzero(usable & (stimuli.session == stimuli.session[row]) & (np.arange(len(usable)) != row))
        is_same = stimuli.category[there] == stimuli.category[row]
        for kind, others in ((SAME, there[is_same]), (OTHER, there[~is_same])):
            if len(others):
                chosen.append((kind, row, int(rng.choice(others))))
    return _as_pairs(chosen, recorded)


def _as_pairs(chosen: list[tuple[str, int, int]], recorded: RecordedPopulation) -> DecodedPairs:
    stimuli = recorded.stimuli
    kinds, first, second = (np.array([one[place] for one in chosen]) for place in range(3))
    first, second = first.astype(np.int64), second.astype(np.int64)
    repetitions = repetitions_of(recorded.z, recorded.stimulus, n_images=len(stimuli.kind))
    unknown = np.full(len(chosen), np.nan)
    return DecodedPairs(
        kind=kinds.astype(np.str_),
        category=stimuli.category[first],
        image_id=stimuli.image_id[first],
        epsilon=np.zeros(len(chosen)),
        right_clean=unknown,
        right_changed=unknown,
        margin_clean=unknown,
        margin_changed=unknown,
        stimulus=second,
        clean_stimulus=first,
        clean_repetitions=repetitions[first],
        changed_repetitions=repetitions[second],
    )
