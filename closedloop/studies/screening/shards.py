"""The study cut into files: what clean images say of a layer, and the images that move it most, each done once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.analysis.representation.cka import cka, linear_kernel
from closedloop.analysis.representation.halves import image_halves
from closedloop.analysis.representation.held_out import (
    PLS_COMPONENTS,
    fold_correlation,
    image_folds,
    pls_predictions,
    predictivity,
    ridge_predictions,
)
from closedloop.attacks.engine.batch_size import choose_batch_size
from closedloop.attacks.engine.devices import own_device
from closedloop.attacks.layer_attacks import LayerAttacks, layer_attacks
from closedloop.attacks.problem import Method
from closedloop.attacks.synthesis.shards import read_shard, write_shard
from closedloop.execution.shards import made_once, shard_name
from closedloop.storage import sha256_bytes
from closedloop.studies.screening.responses import Bytes, Floats, ImageResponses
from closedloop.studies.screening.settings import ScreeningSettings
from closedloop.studies.screening.systems import LayerSource, features_of

_FORMAT = "screening 2"
_LIKENESS = ("values", "halves", "correlations", "n_features", "sites", "site_halves")
_ATTACKS = ("attacked", "displacement", "realised_epsilon")


@dataclass(frozen=True)
class LayerLikeness:
    """What clean images say of a layer.

    Attributes
    ----------
    values
        CKA, and ridge and PLS predictivity over the ceiling, from all images, (3,).
    halves
        The same from each half of each halving, (n_halvings, 2, 3).
    correlations
        Of held-out ridge and PLS predictions, means over sites, not divided by the ceiling, (2,).
    n_features
        Of the layer.
    sites
        Held-out correlation of the ridge predictions with each site, (n_sites,).
    site_halves
        The same from each half of each halving, (n_halvings, 2, n_sites).
    """

    values: Floats
    halves: Floats
    correlations: Floats
    n_features: NDArray[np.int64]
    sites: Floats
    site_halves: Floats


@dataclass(frozen=True)
class LayerLikenessShard:
    """A layer and the clean images it is compared on.

    Attributes
    ----------
    source
        The layer.
    responses
        The sites', complete.
    settings
        Folds and halvings.
    device
        Where to compute features.
    folder
        Where its file goes.
    """

    source: LayerSource
    responses: ImageResponses
    settings: ScreeningSettings
    device: str
    folder: Path

    @property
    def path(self) -> Path:
        """Its file, named by all that decides what is in it."""
        halves = b"".join(np.ascontiguousarray(half).tobytes() for half in self.responses.halves)
        name = shard_name(
            *(_FORMAT, __version__, self.source.identity, sha256_bytes(self.responses.pixels.tobytes())),
            *(
                sha256_bytes(halves),
                self.settings.n_folds,
                self.settings.seed,
                self.settings.n_halvings,
                PLS_COMPONENTS,
            ),
        )
        return self.folder / f"{name}.npz"


@dataclass(frozen=True)
class LayerAttackShard:
    """A layer and the clean images that its perturbations are made of.

    Attributes
    ----------
    source
        The layer.
    names, pixels
        The images, uint8, (n_images, side, side, 3).
    epsilon
        At 224 px.
    settings
        How to search.
    device, n_sharing
        Where to compute, and how many processes share this machine.
    folder
        Where its file goes.
    """

    source: LayerSource
    names: tuple[str, ...]
    pixels: Bytes
    epsilon: float
    settings: ScreeningSettings
    device: str
    n_sharing: int
    folder: Path

    @property
    def path(self) -> Path:
        """Its file, named by all that decides what is in it; device and workers play no part."""
        how = self.settings
        name = shard_name(
            *(_FORMAT, __version__, "attacks", self.source.identity, repr(self.names)),
            *(sha256_bytes(self.pixels.tobytes()), self.epsilon, repr(how.search), repr(how.lattice), how.seed),
        )
        return self.folder / f"{name}.npz"


def leave_likeness(shard: LayerLikenessShard) -> None:
    """Compare a layer with the sites, unless its file is there, and leave the file."""
    made_once(shard.path, partial(_write_likeness, shard))


def read_likeness(shard: LayerLikenessShard) -> LayerLikeness:
    """Read what `leave_likeness` left.

    Raises
    ------
    DocumentError
        The file is missing or another.
    """
    return LayerLikeness(**read_shard(shard.path, names=_LIKENESS))


def leave_attacks(shard: LayerAttackShard) -> None:
    """Move a layer as far as can be, unless its file is there, and leave the file."""
    made_once(shard.path, partial(_write_attacks, shard))


def read_attacks(shard: LayerAttackShard) -> LayerAttacks:
    """Read what `leave_attacks` left.

    Raises
    ------
    DocumentError
        The file is missing or another.
    """
    return LayerAttacks(**read_shard(shard.path, names=_ATTACKS))


def halvings_of(n_images: int, settings: ScreeningSettings, *, of: str) -> NDArray[np.bool_]:
    """Return which images are in the first half, the same for every layer, (n_halvings, n_images).

    Parameters
    ----------
    n_images
        Images.
    settings
        Its seed counts.
    of
        Which images these are.
    """
    return image_halves(n_images, seed=settings.seed_of("halves", of), n_halvings=settings.n_halvings)


def _write_likeness(shard: LayerLikenessShard, path: Path) -> None:
    found = shard.responses
    features = features_of(shard.source, found.pixels, device=own_device(shard.device))
    kernel = linear_kernel(features)
    folds = image_folds(found.n_images, n_folds=shard.settings.n_folds, seed=shard.settings.seed_of("folds"))
    whole = _scores(kernel, found.halves, folds)
    halves = [
        [_scores(kernel, found.halves, folds, own) for own in (np.flatnonzero(first), np.flatnonzero(~first))]
        for first in halvings_of(found.n_images, shard.settings, of="clean images")
    ]
    arrays = {
        "values": whole.values,
        "halves": np.array([[one.values for one in of_halving] for of_halving in halves]),
        "correlations": whole.sites.mean(axis=1),
        "n_features": np.array([features.shape[1]]),
        "sites": whole.sites[0],
        "site_halves": np.array([[one.sites[0] for one in of_halving] for of_halving in halves]),
    }
    write_shard(arrays, path)


@dataclass(frozen=True)
class _Scores:
    """What some images say of a layer: the three criteria, and the sites' correlations with ridge and with PLS."""

    values: Floats
    sites: Floats


def _scores(
    kernel: Floats, halves: tuple[Floats, Floats], folds: NDArray[np.int64], own: NDArray[np.int64] | None = None
) -> _Scores:
    """Return what some images say, all if None."""
    if own is not None:
        kernel, halves, folds = kernel[np.ix_(own, own)], (halves[0][own], halves[1][own]), folds[own]
    measured = (halves[0] + halves[1]) / 2
    predicted = [ridge_predictions(kernel, measured, folds).predicted, pls_predictions(kernel, measured, folds)]
    return _Scores(
        np.array(
            [_or_none(cka(kernel, linear_kernel(measured))), *(predictivity(one, halves, folds) for one in predicted)]
        ),
        np.array([fold_correlation(one, measured, folds) for one in predicted]),
    )


def _or_none(alignment: float) -> float:
    """Return 0 where a layer has no structure that could be aligned."""
    return alignment if math.isfinite(alignment) else 0.0


def _write_attacks(shard: LayerAttackShard, path: Path) -> None:
    device = own_device(shard.device)
    model, method = shard.source.load(device), Method(search=shard.settings.search)
    side_px = shard.pixels.shape[1]
    found = layer_attacks(
        model,
        shard.pixels,
        names=[f"screening|{shard.settings.seed}|{name}|{shard.epsilon!r}" for name in shard.names],
        epsilon=shard.epsilon,
        method=method,
        lattice=shard.settings.lattice,
        batch_size=choose_batch_size(
            "auto", model, (side_px, side_px), device=device, n_sharing=shard.n_sharing, method=method
        ),
    )
    write_shard({name: getattr(found, name) for name in _ATTACKS}, path)
