"""Whose responses are looked at: units of a network's layer, or the fitted sites of a study."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from closedloop.access.study import Study
from closedloop.analysis.dispersion import sigma
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.protocol.attack import Attack
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.attacks.synthesis.sources import SiteModelFile, UnitsFile, site_model_file
from closedloop.errors import StudyError
from closedloop.models.site_model import predict
from closedloop.stimuli.pools import ProceduralPool, load_images
from closedloop.studies.networks import NetworkChoice, open_network
from closedloop.studies.response_geometry.documents import GeometrySubject
from closedloop.studies.response_geometry.settings import GeometrySettings

_LOOP = "dry_run"  # whose smoothed gradient networks are attacked by, where no study says which
_N_CATEGORIES, _N_PER_CATEGORY = 30, 1000
_FROM_CLEAN = ("anchor", "normalizer", "clean")  # roles of a study's images that are looked at, the first that it has


@dataclass(frozen=True)
class LookedAt:
    """Pairs of an output and an image, with all that is needed to look at them.

    Attributes
    ----------
    described
        What they are.
    source
        Where the model comes from.
    attack
        How the loop attacks it: section attack of a protocol.
    outputs, images
        Output and row of `pixels` of each pair, (n_pairs,).
    names
        Of each pair's output.
    image_ids
        By row of the pixels.
    pixels
        uint8, (n_images, side, side, 3).
    sd
        Of each pair's response over clean images, (n_pairs,).
    """

    described: GeometrySubject
    source: UnitsFile | SiteModelFile
    attack: Attack
    outputs: NDArray[np.int64]
    images: NDArray[np.int64]
    names: tuple[str, ...]
    image_ids: tuple[str, ...]
    pixels: NDArray[np.uint8]
    sd: NDArray[np.float64]


def network_units(choice: NetworkChoice, settings: GeometrySettings) -> LookedAt:
    """Draw units of a network that vary over clean images, and images for each.

    Parameters
    ----------
    choice
        The network, cut at a layer.
    settings
        How many.

    Raises
    ------
    CheckpointError, ProtocolError
        The network cannot be used.
    """
    network, seed = open_network(choice), settings.seed
    pool = ProceduralPool(
        _seed(seed, "pool"), side_px=network.side_px, n_categories=_N_CATEGORIES, n_per_category=_N_PER_CATEGORY
    )
    ids = [image.image_id for image in pool.images()]
    order = np.random.default_rng(_seed(seed, "images")).permutation(len(ids))[: settings.n_clean]
    drawn = tuple(ids[place] for place in order)
    pixels = load_images(pool, drawn)
    spread = sigma(predict(network.units.load(torch.device("cpu")), pixels).astype(np.float64))
    shuffled = np.random.default_rng(_seed(seed, "units")).permutation(len(spread))
    units = np.sort(shuffled[spread[shuffled] > 0][: settings.n_units])
    outputs, images = _dealt(units, settings.images_per_unit, n_images=len(drawn))
    attack = read_protocol(shipped_protocols()[_LOOP]).attack
    described = GeometrySubject(
        name=choice.name,
        of="network",
        source=choice.source,
        sha256=network.units.sha256,
        layer=choice.layer,
        side_px=network.side_px,
        outputs=tuple(f"unit {unit}" for unit in units),
        n_outputs=len(spread),
        n_silent=int((spread == 0).sum()),
        n_images=min(settings.images_per_unit, len(drawn)),
        images="computed images that no shipped network has seen",
        gradient=f"{attack.gradient!r}, protocol {_LOOP}",
    )
    names = tuple(f"unit {unit}" for unit in outputs)
    return LookedAt(described, network.units, attack, outputs, images, names, drawn, pixels, spread[outputs])


def fitted_sites(study: Study, settings: GeometrySettings, *, name: str) -> LookedAt:
    """Return the sites of a study's last model, and clean images of its last recorded day for each.

    Anchors where it has any, as no model is fitted to them; else normalizers, else fresh images.

    Parameters
    ----------
    study
        A study.
    settings
        How many images of each site.
    name
        What tables call the study.

    Raises
    ------
    StudyError
        No model is fitted yet.
    """
    if not study.fitted_days:
        raise StudyError(f"{study.path}: expected a day whose model is refitted, found none. Finish a day first.")
    day = study.fitted_days[-1]
    source = site_model_file(study.model_file(day + 1))
    chosen = study.sites(day)["site_index"].dropna().astype(int).sort_values()
    stimuli = study.stimuli(day)
    clean = stimuli[stimuli["kind"] == "clean"]
    role = next(one for one in _FROM_CLEAN if (clean["role"] == one).any())
    own = clean[clean["role"] == role].drop_duplicates("image_id")
    pixels = study.images(day)[own.index.to_numpy()]
    sites = np.array(chosen.tolist(), dtype=np.int64)
    outputs, images = _dealt(sites, settings.images_per_unit, n_images=len(own))
    by_output = {int(index): str(site) for site, index in chosen.items()}
    attack = study.protocol.attack
    described = GeometrySubject(
        name=f"sites of {study.subject}",
        of="sites",
        source=name,
        sha256=source.sha256,
        layer="",
        side_px=pixels.shape[1],
        outputs=tuple(by_output[site] for site in sites.tolist()),
        n_outputs=len(sites),
        n_silent=0,
        n_images=min(settings.images_per_unit, len(own)),
        images=f"images of day {day}, role {role}",
        gradient=f"{attack.gradient!r}, protocol {study.protocol.name}",
    )
    names = tuple(by_output[output] for output in outputs.tolist())
    return LookedAt(
        described,
        source,
        attack,
        outputs,
        images,
        names,
        tuple(own["image_id"].tolist()),
        pixels,
        np.ones(len(outputs)),
    )


def _dealt(outputs: NDArray[np.int64], n_each: int, *, n_images: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give each output its own images in turn, and where they run out the first again."""
    n_each = min(n_each, n_images)
    return np.repeat(outputs, n_each).astype(np.int64), np.arange(len(outputs) * n_each) % n_images


def _seed(seed: int, name: str) -> int:
    return derive_seed(seed, "response geometry", name)
