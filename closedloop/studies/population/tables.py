"""Tables of what was decoded: by kind of change and epsilon, by category, and which part a decoder sees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.bootstrap import bootstrap_function, bootstrap_mean, bootstrap_ratio, bootstrap_rms
from closedloop.analysis.decoding.linear import strongest_rival
from closedloop.analysis.decoding.redundancy import decoder_axes, margin_axes, random_share, square_along
from closedloop.analysis.estimate import Estimate
from closedloop.artifacts.tables import Columns, as_arrays
from closedloop.studies.population.decoding import DecodedPairs, Decoders
from closedloop.studies.population.documents import BY_CATEGORY, DECODING
from closedloop.studies.population.recorded import CHANGED, CLEAN, Floats, Indices

Row = dict[str, Any]

MAIN_SHARE = 0.9
"""Of the squared weights, held by the main axes."""

_LEAST_ERRORS = 3.0  # of a movement from zero, below which nothing is divided by it
_NAN = float("nan")


def decoding_rows(pairs: DecodedPairs, squares: Floats, *, truth: bool, n_sites: int) -> list[Row]:
    """Return a row of `DECODING` for each kind of change and epsilon.

    Parameters
    ----------
    pairs
        Decoded.
    squares
        Squared movement of all sites, (n_pairs,); NaN where not known.
    truth
        Whether they are of the hidden cortex.
    n_sites
        Sites.
    """
    return [
        {"kind": kind, "epsilon": epsilon, "truth": truth, **_decoding(pairs.select(rows), squares[rows], n_sites)}
        for kind, epsilon, rows in groups(pairs)
    ]


def clean_row(right: Floats, image_id: NDArray[np.str_], *, truth: bool) -> Row:
    """Return the row of the clean images beneath the changed ones.

    Parameters
    ----------
    right
        Part decoded rightly of each, (n_images,).
    image_id
        Their names.
    truth
        Whether they are of the hidden cortex.
    """
    found = bootstrap_mean(right, seed=0, over="images", **_by_image(image_id))
    row = dict.fromkeys(DECODING.columns, _NAN) | {"kind": CLEAN, "epsilon": 0.0, "truth": truth}
    row |= _with_interval("accuracy", found) | {"clean": found.mean, "moved": 0.0}
    return row | {"n_images": found.n_images, "n_stimuli": len(right)}


def category_rows(decoders: Decoders, pairs: DecodedPairs) -> Columns:
    """Return the table `BY_CATEGORY`."""
    names = np.array(decoders.categories)[decoders.category]
    found = [(CLEAN, 0.0, names, decoders.cross_validated.astype(np.float64))]
    for kind, epsilon, rows in groups(pairs):
        own = pairs.select(rows)
        found.append((kind, epsilon, own.category, own.right_changed))
    made = [
        {
            "category": name,
            "kind": kind,
            "epsilon": epsilon,
            "accuracy": right[of_it].mean(),
            "n_stimuli": int(of_it.sum()),
        }
        for kind, epsilon, category, right in found
        for name in decoders.categories
        if (of_it := category == name).any()
    ]
    return as_arrays(made, BY_CATEGORY)


def redundancy_rows(
    pairs: DecodedPairs,
    natural: DecodedPairs,
    decoders: Decoders,
) -> list[Row]:
    """Return a row of `REDUNDANCY` for each kind of change, epsilon and space.

    Parameters
    ----------
    pairs
        Changed images and clean ones.
    natural
        Two clean images, as if one were the other changed.
    decoders
        The spaces are those of the decoder of all taught images. A category's rival is the one that its own mean is
        taken for next.
    """
    decoder = decoders.whole
    rivals = strongest_rival(decoder.scores(decoders.means()), np.arange(len(decoders.categories)))
    spaces = {"row_space": decoder_axes(decoder), "main_axes": decoder_axes(decoder, share=MAIN_SHARE)}
    rows = list[Row]()
    for part in (pairs, natural):
        for kind, epsilon, chosen in groups(part):
            one = part.select(chosen)
            category = decoders.numbers_of(one.category)
            axes = spaces | {"margin": margin_axes(decoder, category, rivals[category])}
            rows += [
                {"kind": kind, "epsilon": epsilon, "space": name, **_seen(one, found)} for name, found in axes.items()
            ]
    return rows


def squares_moved(pairs: DecodedPairs) -> Floats:
    """Return the squared movement of all sites together without the noise's part, (n_pairs,)."""
    if not len(pairs.kind):
        return np.empty(0)
    return square_along(pairs.clean_repetitions, pairs.changed_repetitions, np.eye(pairs.clean_repetitions.shape[1]))


def groups(pairs: DecodedPairs) -> Iterator[tuple[str, float, NDArray[np.bool_]]]:
    """Yield each kind of change and epsilon that there is, and which pairs these are."""
    kinds = [*CHANGED, *sorted(set(pairs.kind.tolist()) - set(CHANGED))]
    for kind in kinds:
        for epsilon in np.unique(pairs.epsilon[pairs.kind == kind]).tolist():
            yield kind, epsilon, (pairs.kind == kind) & (pairs.epsilon == epsilon)


def _decoding(own: DecodedPairs, squares: Floats, n_sites: int) -> Row:
    where = _by_image(own.image_id)
    changed = bootstrap_mean(own.right_changed, seed=0, over="images", **where)
    lost = bootstrap_mean(own.right_clean - own.right_changed, seed=0, over="images", **where)
    margin = bootstrap_mean(own.margin_clean - own.margin_changed, seed=0, over="images", **where)
    moved = bootstrap_rms(squares / n_sites, seed=0, over="images", **where)
    return {
        **_with_interval("accuracy", changed),
        "clean": float(own.right_clean.mean()),
        **_with_interval("lost", lost),
        **_with_interval("margin_lost", margin),
        **_with_interval("moved", moved),
        **_with_interval("lost_per_sd", _lost_per_sd(own, squares / n_sites, where)),
        "n_images": changed.n_images,
        "n_stimuli": len(own.kind),
    }


def _lost_per_sd(own: DecodedPairs, squares: Floats, where: dict[str, Indices]) -> Estimate | None:
    """Return lost accuracy over the RMS movement; nothing where that is hardly known to be there."""
    square = bootstrap_mean(squares, seed=0, over="images", **where)
    if not square.mean > _LEAST_ERRORS * square.standard_error:
        return None
    columns = np.stack([own.right_clean - own.right_changed, squares], axis=1)
    return bootstrap_function(columns, _first_over_root, seed=0, over="images", **where)


def _first_over_root(means: Floats) -> Floats:
    return np.asarray(means[..., 0] / np.sqrt(means[..., 1]))


def _seen(own: DecodedPairs, axes: Floats) -> Row:
    n_axes, n_sites = axes.shape[-2:]
    inside = square_along(own.clean_repetitions, own.changed_repetitions, axes)
    found = bootstrap_ratio(inside, squares_moved(own), seed=0, over="images", **_by_image(own.image_id))
    mean, (low, high) = random_share(n_axes, n_sites, n_directions=len(own.kind))
    return {
        "n_axes": n_axes,
        "n_sites": n_sites,
        **_with_interval("seen", found),
        **{"random": mean, "random_low": low, "random_high": high},
        "n_stimuli": len(own.kind),
    }


def _by_image(image_id: NDArray[np.str_]) -> dict[str, Indices]:
    """Return what a bootstrap over images is told: all pairs are of one population of sites."""
    image = np.unique(image_id, return_inverse=True)[1]
    return {"image_index": image, "site_index": np.zeros(len(image), dtype=np.int64)}


def _with_interval(name: str, found: Estimate | None) -> Row:
    if found is None:
        return {name: _NAN, f"{name}_low": _NAN, f"{name}_high": _NAN}
    return {name: found.mean, f"{name}_low": found.interval[0], f"{name}_high": found.interval[1]}
