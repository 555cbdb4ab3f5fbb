"""A day's attacks on its sealed decoder as bytes, the noise beside them, and what the model predicts of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.decoding.linear import margin_of, strongest_rival
from closedloop.artifacts.day.population.kinds import POPULATION
from closedloop.artifacts.protocol.population import Population
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.tables import Columns
from closedloop.attacks.engine.devices import own_workers
from closedloop.attacks.lattice import realised_norm, scale_to_norm
from closedloop.attacks.synthesis.decoded import DecodedModel, ReadOut, read_directions, read_margins
from closedloop.attacks.synthesis.items import AttackItem
from closedloop.attacks.synthesis.sources import ModelSource, site_model_file
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.models.ensemble import DayModel
from closedloop.models.site_model import predict
from closedloop.stages.changed.images import ChangedImages, Foretold
from closedloop.stages.from_protocol.attack import lattice_of, population_method_of
from closedloop.stages.population.decoder import DayDecoder
from closedloop.stages.probes import SearchWork
from closedloop.stimuli.controls import gaussian_direction

ImageBytes = NDArray[np.uint8]


@dataclass(frozen=True)
class PlannedPopulation:
    """Planned rows of both kinds, each attack's noise in the attacks' order after them.

    Attributes
    ----------
    items
        Rows of the table of items, of these kinds alone.
    images
        The table of the day's clean images.
    clean
        Their pixels, uint8, (n_images, side, side, 3).
    clean_index
        Row of these beneath each item, (n_items,).
    """

    items: Columns
    images: Columns
    clean: ImageBytes
    clean_index: NDArray[np.int64]

    @property
    def is_attack(self) -> NDArray[np.bool_]:
        """Which rows are attacks; the others are noise."""
        return np.asarray(self.items["kind"] == POPULATION)

    @property
    def noise_items(self) -> list[str]:
        """Names of the items that are noise, in their order."""
        return [str(name) for name in self.items["item_id"][~self.is_attack]]

    @property
    def categories(self) -> NDArray[Any]:
        """Of the clean image beneath each item, (n_items,)."""
        return np.asarray(self.images["category"][self.clean_index])


@dataclass(frozen=True)
class MadePopulation:
    """A day's attacks on its decoder and their noise.

    Attributes
    ----------
    images
        uint8, (n_items, side, side, 3), in the order of the items.
    rows, audit
        Of the stimulus table and of the audit, to stand as their last.
    sealed
        Likewise, of the table `SEALED_POPULATION`.
    """

    images: ImageBytes
    rows: dict[str, Any]
    audit: dict[str, Any]
    sealed: dict[str, Any]


def make_population(
    planned: PlannedPopulation,
    decoder: DayDecoder,
    model: DayModel,
    *,
    model_file: Path,
    protocol: Protocol,
    first_index: int,
    seed: int,
    noise_seeds: Sequence[int],
    work: SearchWork,
) -> MadePopulation:
    """Find a day's attacks on its decoder, make their noise, and seal what the decoder reads from the model of both.

    Parameters
    ----------
    planned
        What is wanted.
    decoder
        To be misled.
    model, model_file
        The day's model, ready for attacks, and where it is.
    protocol
        Its sections population and attack; of the second only how many images at once.
    first_index
        Row of the first image in images.h5.
    seed
        Of the random starts, with the items' names.
    noise_seeds
        One an item of noise.
    work
        How it is computed.
    """
    predicted = predict(model, planned.clean).astype(np.float64)[planned.clean_index]
    images = np.empty((len(planned.clean_index), *planned.clean.shape[1:]), dtype=np.uint8)
    attacked = planned.is_attack
    images[attacked] = _attacked(
        planned,
        decoder,
        predicted[attacked],
        source=site_model_file(model_file),
        protocol=protocol,
        seed=seed,
        work=work,
    )
    images[~attacked] = _noise_beside(planned, images[attacked], noise_seeds)
    made = ChangedImages(images, planned.items, planned.clean_index, planned.clean, planned.images)
    of_no_site = Foretold.nothing(len(images))
    rows = made.stimulus_rows(of_no_site, first_index=first_index)
    changed = predict(model, images).astype(np.float64)
    return MadePopulation(
        images, rows, made.audit_rows(of_no_site, rows), _sealed_rows(decoder, predicted, changed, rows)
    )


def _attacked(
    planned: PlannedPopulation,
    decoder: DayDecoder,
    predicted: NDArray[np.float64],
    *,
    source: ModelSource,
    protocol: Protocol,
    seed: int,
    work: SearchWork,
) -> ImageBytes:
    population, rows = protocol.population, planned.is_attack
    read, output = _aims(population, decoder, predicted, planned.categories[rows])
    names, epsilons = planned.items["item_id"][rows], planned.items["epsilon"][rows]
    items = [
        AttackItem(f"{seed}|{name}", int(clean), int(aim), float(epsilon))
        for name, clean, aim, epsilon in zip(names, planned.clean_index[rows], output, epsilons, strict=True)
    ]
    found = synthesize(
        DecodedModel(source, read),
        items,
        planned.clean,
        method=population_method_of(population),
        lattice=lattice_of(population.gradient),
        directions=(+1,),
        batch_size=protocol.attack.batch_size,
        workers=work.workers or own_workers(),
        shard_folder=work.scratch,
        progress=work.progress,
    )
    return np.asarray(found.attacked)


def _aims(
    population: Population, decoder: DayDecoder, predicted: NDArray[np.float64], categories: NDArray[Any]
) -> tuple[ReadOut, NDArray[np.int64]]:
    """Return what is read from the model, and which output of it each attack drives up.

    An image of a category that the decoder does not know is driven from the one that it is taken for.
    """
    weights, offsets = decoder.decoder.weights, decoder.decoder.offsets
    own = _known_or_decoded(decoder, predicted, categories)
    if population.objective == "decoder":
        return read_margins(weights, offsets), own
    rival = strongest_rival(decoder.decoder.scores(predicted), own)
    return read_directions(weights[rival] - weights[own]), np.arange(len(own))


def _known_or_decoded(
    decoder: DayDecoder, predicted: NDArray[np.float64], categories: NDArray[Any]
) -> NDArray[np.int64]:
    known = decoder.numbers_of(categories)
    return np.where(known >= 0, known, decoder.decoder.decode(predicted))


def _noise_beside(planned: PlannedPopulation, attacked: ImageBytes, seeds: Sequence[int]) -> ImageBytes:
    """Make for each attack noise on its image of the norm that it really has, in bytes."""
    is_attack = planned.is_attack
    beside = planned.clean[planned.clean_index[~is_attack]]
    norm = realised_norm(planned.clean[planned.clean_index[is_attack]], attacked)
    direction = np.stack([gaussian_direction(beside.shape[1:], seed) for seed in seeds])
    return np.asarray(scale_to_norm(beside, direction, norm=norm))


def _sealed_rows(
    decoder: DayDecoder, clean: NDArray[np.float64], changed: NDArray[np.float64], rows: dict[str, Any]
) -> dict[str, Any]:
    """Return what the decoder reads from the model's responses to the image beneath and to the changed one."""
    scores = {"clean": decoder.decoder.scores(clean), "changed": decoder.decoder.scores(changed)}
    own, names = _known_or_decoded(decoder, clean, np.asarray(rows["category"])), np.array(decoder.categories)
    return {
        **{name: rows[name] for name in ("image_index", "kind", "category", "epsilon", "realised_epsilon")},
        **{f"predicted_{name}": names[found.argmax(axis=1)] for name, found in scores.items()},
        "rival": names[strongest_rival(scores["clean"], own)],
        **{f"margin_{name}": margin_of(found, own) for name, found in scores.items()},
    }
