"""The work of the study cut into files: what is found of some pairs of an output and an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from closedloop import __version__
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.protocol.attack import Attack
from closedloop.attacks.balls import radius_at
from closedloop.attacks.engine.devices import own_device
from closedloop.attacks.geometry.curvature import curvature
from closedloop.attacks.geometry.planes import plane_responses
from closedloop.attacks.geometry.principal import PrincipalDirections, principal_directions
from closedloop.attacks.geometry.responses import ResponseOf, cosine, unit, without
from closedloop.attacks.geometry.walks import walk_along
from closedloop.attacks.gradients.estimators import Draws
from closedloop.attacks.objectives import response_of
from closedloop.attacks.one_call import attack
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import PAPER31
from closedloop.attacks.synthesis.shards import read_shard, write_shard
from closedloop.attacks.synthesis.sources import SiteModelFile, UnitsFile
from closedloop.execution.shards import made_once, shard_name
from closedloop.models.site_model import images_to_tensor
from closedloop.stages.from_protocol.attack import estimator_of, method_of
from closedloop.storage import sha256_bytes
from closedloop.studies.response_geometry.settings import (
    DRAWN_EXTENT,
    EPSILONS,
    N_DRAWN,
    PLAIN_STEPS,
    SCALES,
    SMOOTHED_SAMPLES,
    GeometrySettings,
)
from closedloop.studies.response_geometry.subjects import LookedAt

SEARCHES = ("plain", "loop")
DIRECTIONS = ("first", "second", "random")
NAMES = (
    *("response", "steepness", "smoothed_cosine", "curvature", "walk", "straight", "walk_apart", "beyond"),
    *("change", "cosine", "attack_smoothed_cosine", "plane"),
)

_OF_SURFACES = ("walk", "straight", "walk_apart", "beyond", "plane")

_FORMAT = "response geometry 2"
_A_SHARD = 24
_N_PRINCIPAL = 2


@dataclass(frozen=True)
class GeometryShard:
    """Some pairs of one subject, with all that a worker needs.

    Attributes
    ----------
    source
        Where the model comes from.
    attack
        How the loop attacks.
    outputs
        Of each pair.
    image_ids, pixels
        Image of each pair and its bytes, uint8, (n_pairs, side, side, 3).
    settings
        Scale, walk and seed.
    device
        Where to compute.
    folder
        Where its file goes.
    """

    source: UnitsFile | SiteModelFile
    attack: Attack
    outputs: tuple[int, ...]
    image_ids: tuple[str, ...]
    pixels: NDArray[np.uint8]
    settings: GeometrySettings
    device: str
    folder: Path

    @property
    def path(self) -> Path:
        """Its file, named by all that decides what is in it; the device plays no part."""
        drawn = (EPSILONS, SCALES, N_DRAWN, DRAWN_EXTENT, PLAIN_STEPS, SMOOTHED_SAMPLES)
        name = shard_name(
            *(_FORMAT, __version__, self.source.name, self.attack.model_dump_json(), repr(self.outputs)),
            *(repr(self.image_ids), sha256_bytes(self.pixels.tobytes()), repr(self.pixels.shape)),
            *(repr(drawn), self.settings.scale, self.settings.walk, self.settings.seed),
        )
        return self.folder / f"{name}.npz"

    def seeds(self, name: str) -> tuple[int, ...]:
        """Return a seed of one purpose for each pair, derived from its names."""
        pairs = zip(self.outputs, self.image_ids, strict=True)
        return tuple(derive_seed(self.settings.seed, "response geometry", name, *pair) for pair in pairs)


def geometry_shards(
    looked_at: LookedAt, settings: GeometrySettings, folder: Path, *, device: str
) -> list[GeometryShard]:
    """Return the pieces of the work on one subject.

    Parameters
    ----------
    looked_at
        Its pairs.
    settings
        What is measured of each.
    folder
        Where their files go.
    device
        Where to compute.
    """
    n = len(looked_at.outputs)
    return [
        GeometryShard(
            looked_at.source,
            looked_at.attack,
            tuple(looked_at.outputs[start : start + _A_SHARD].tolist()),
            tuple(looked_at.image_ids[row] for row in looked_at.images[start : start + _A_SHARD]),
            looked_at.pixels[looked_at.images[start : start + _A_SHARD]],
            settings,
            device,
            folder,
        )
        for start in range(0, n, _A_SHARD)
    ]


def leave_shard(shard: GeometryShard) -> None:
    """Look at a piece's pairs, unless its file is there, and leave the file."""
    if not shard.path.exists():
        made_once(shard.path, partial(write_shard, _looked_at(shard)))


def read_geometry(shards: Sequence[GeometryShard]) -> dict[str, NDArray[Any]]:
    """Return what all pieces of a subject found, by `NAMES`, a row a pair.

    Raises
    ------
    DocumentError
        A file is missing, or not what a piece leaves.
    """
    found = [read_shard(shard.path, names=NAMES) for shard in shards]
    return {name: np.concatenate([part[name] for part in found]) for name in NAMES}


def _looked_at(shard: GeometryShard) -> dict[str, NDArray[Any]]:
    """Return what is found, lengths in units of epsilon and responses in the model's."""
    device, side_px = own_device(shard.device), shard.pixels.shape[1]
    images = images_to_tensor(shard.pixels, device=device)
    response = ResponseOf(shard.source.load(device), torch.tensor(shard.outputs, device=device))
    per_epsilon = radius_at(1.0, side_px)
    found = principal_directions(
        response, images, n=_N_PRINCIPAL, h=radius_at(shard.settings.scale, side_px), seeds=shard.seeds("directions")
    )
    first = found.directions[:, 0]
    walk = walk_along(response, images, first, length=radius_at(shard.settings.walk, side_px))
    places = per_epsilon * torch.linspace(-DRAWN_EXTENT, DRAWN_EXTENT, N_DRAWN, device=device)
    smoothed = _smoothed_gradient(shard, response, images)
    numbers = {
        "response": response.value(images),
        "steepness": per_epsilon * found.steepness,
        "smoothed_cosine": cosine(found.gradient, smoothed),
        "curvature": per_epsilon * _curvatures(shard, response, images, found),
        "walk": walk.responses,
        "straight": walk.straight,
        "walk_apart": walk.apart / per_epsilon,
        "beyond": ((walk.ends < 0) | (walk.ends > 1)).float().mean(dim=(1, 2, 3)),
        "plane": plane_responses(response, images, (found.normal, first), places),
        **_attacks(shard, response, images, (found.gradient, smoothed)),
    }
    has_surface = (found.steepness > 0).cpu().numpy()
    return {name: _known(name, values.double().cpu().numpy(), has_surface) for name, values in numbers.items()}


def _known(name: str, values: NDArray[np.float64], has_surface: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return what is found, without what is of a surface where there is none: no gradient, no walk and no plane."""
    if name in _OF_SURFACES:
        values[~has_surface] = np.nan
    return values


def _curvatures(shard: GeometryShard, response: ResponseOf, images: Tensor, found: PrincipalDirections) -> Tensor:
    """Return the curvature along both principal directions and a random one, at every scale, (n, 3, n_scales)."""
    shape = images.shape[1:]
    drawn = [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in shard.seeds("random")]
    random = unit(without(torch.stack(drawn).to(images), found.normal))
    directions = torch.cat([found.directions, random[:, None]], dim=1)
    side_px = shard.pixels.shape[1]
    at_scales = [curvature(response, images, directions, h=radius_at(scale, side_px)) for scale in SCALES]
    return torch.stack(at_scales, dim=2)


def _smoothed_gradient(shard: GeometryShard, response: ResponseOf, images: Tensor) -> Tensor:
    """Return the gradient that the loop follows at the clean images, averaged over more samples than a step of it."""
    gradient = shard.attack.gradient
    many = gradient.model_copy(update={"samples": SMOOTHED_SAMPLES}) if gradient.is_random else gradient
    draws = Draws(shard.seeds("smoothed"), (0,) * len(shard.outputs))

    def value_of(changed: Tensor) -> Tensor:
        return response_of(response.model(changed), response.outputs)

    return estimator_of(many).estimate(value_of, images, draws).gradient


def _attacks(
    shard: GeometryShard, response: ResponseOf, images: Tensor, gradients: tuple[Tensor, Tensor]
) -> dict[str, Tensor]:
    """Return changes and cosines with both gradients of both searches, (n, n_searches, n_epsilons)."""
    methods = {"plain": Method(replace(PAPER31, steps=PLAIN_STEPS)), "loop": method_of(shard.attack)}
    change, cosines = [], []
    for search in SEARCHES:
        for epsilon in EPSILONS:
            found = attack(
                response.model,
                images,
                output=shard.outputs,
                epsilon=epsilon,
                method=methods[search],
                seed=derive_seed(shard.seeds("starts")[0], search, f"{epsilon:g}"),
                batch_size=len(images),
            )
            delta = found.attacked - images
            change.append(torch.from_numpy(found.change))
            cosines.append(torch.stack([cosine(delta, gradient).abs() for gradient in gradients]))
    shape = (len(images), len(SEARCHES), len(EPSILONS))
    return {
        "change": torch.stack(change, dim=1).reshape(shape),
        "cosine": torch.stack([one[0] for one in cosines], dim=1).reshape(shape),
        "attack_smoothed_cosine": torch.stack([one[1] for one in cosines], dim=1).reshape(shape),
    }
