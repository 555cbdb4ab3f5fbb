"""A session's evolving images as bytes: each site's next generation, its mean, and the natural image beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts import catalog
from closedloop.artifacts.files.kinds import Writable
from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.protocol.evolution.section import (
    COMPARED_KINDS,
    EVOLUTION,
    EVOLVED,
    EVOLVED_MEAN,
    EVOLVED_NATURAL,
    Evolution,
)
from closedloop.artifacts.tables import Columns
from closedloop.stages.evolution.told import NaturalAnswers, ToldSoFar
from closedloop.stimuli.evolution.codes import ImageCode, cosine_code, principal_code
from closedloop.stimuli.evolution.search import Evolved, evolve, start_of

ImageBytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

_CODES = {"pca": principal_code, "dct": cosine_code}


@dataclass(frozen=True)
class MadeEvolution:
    """A session's evolving images with their rows of the stimulus table, and what is sealed of them.

    Attributes
    ----------
    images
        uint8, (n_images, side, side, 3).
    rows
        Of the stimulus table.
    table
        `EVOLVED_IMAGES`.
    codes
        (n_images, n_components); of natural images what the code keeps of them.
    new_code
        What codes stand for; None where an earlier session has it.
    """

    images: ImageBytes
    rows: dict[str, Any]
    table: dict[str, Any]
    codes: Floats
    new_code: ImageCode | None

    @property
    def audit(self) -> None:
        """No clean image is changed."""

    @property
    def files(self) -> list[tuple[Writable[Any], Any]]:
        """What is sealed, by the file that it is written to."""
        files: list[tuple[Writable[Any], Any]] = [
            (catalog.EVOLVED_IMAGES, self.table),
            (catalog.EVOLVED_CODES, {"codes": self.codes}),
        ]
        if self.new_code is not None:
            code = self.new_code
            files.append((catalog.IMAGE_CODE, {"mean": code.mean, "components": code.components, "scale": code.scale}))
        return files


@dataclass(frozen=True)
class _OfSite:
    """A site's images of a session, with their columns of `EVOLVED_IMAGES` but image_index and site_index."""

    images: ImageBytes
    codes: Floats
    columns: dict[str, Any]
    category: list[str]


def make_evolution(
    items: Columns,
    section: Evolution,
    told: ToldSoFar,
    *,
    first_index: int,
    seed_of: Callable[[int], int],
) -> MadeEvolution | None:
    """Go through every site's search again, and make what it shows next; None where no site has anything to begin from.

    A site that answered none of the natural images has no image, whatever was planned.

    Parameters
    ----------
    items
        Planned rows of these kinds, site by site.
    section
        The protocol's.
    told
        What was shown and answered before.
    first_index
        Row of the first image in images.h5.
    seed_of
        Gives the seed of a site's search, the same one in every session.
    """
    natural = told.natural
    sites = [site for site in dict.fromkeys(items["site_index"].tolist()) if natural.has(site)]
    if not sites:
        return None
    is_made = np.isin(items["site_index"], sites)
    items = {name: np.asarray(values)[is_made] for name, values in items.items()}
    code = told.code or _CODES[section.code](told.natural.images, section.components)
    natural_codes = code.encode(natural.images)
    made = []
    for site in sites:
        own = items["site_index"] == site
        wanted = [kind for kind in COMPARED_KINDS if (items["kind"][own] == kind).any()]
        generations = [one for one in (session.of_site(site) for session in told.shown) if one is not None]
        search = evolve(
            start_of(natural_codes, natural.spikes[site], n_parents=section.parents),
            generations,
            n_images=section.images,
            step_size=section.step_size,
            seed=seed_of(site),
            spread=section.last_spread if wanted else 1.0,
        )
        made.append(_of_site(code, natural, site, search, number=len(generations), wanted=wanted))
    table = {name: np.concatenate([one.columns[name] for one in made]) for name in made[0].columns}
    images = np.concatenate([one.images for one in made])
    index = first_index + np.arange(len(images))
    table |= {"image_index": index, "site_index": np.repeat(sites, [len(one.images) for one in made])}
    return MadeEvolution(
        images,
        _stimulus_rows(items, images, table, [name for one in made for name in one.category]),
        table,
        np.concatenate([one.codes for one in made]),
        code if told.code is None else None,
    )


def _of_site(
    code: ImageCode, natural: NaturalAnswers, site: int, search: Evolved, *, number: int, wanted: Sequence[str]
) -> _OfSite:
    spikes = natural.spikes[site]
    best = natural.best(site)
    codes, images = [search.codes], [code.decode(search.codes)]
    for kind in wanted:
        codes.append(search.mean[None] if kind == EVOLVED_MEAN else code.encode(natural.images[best : best + 1]))
        images.append(code.decode(search.mean) if kind == EVOLVED_MEAN else natural.images[best : best + 1])
    n, n_all = len(search.codes), len(search.codes) + len(wanted)
    is_natural = np.array([False] * n + [kind == EVOLVED_NATURAL for kind in wanted])
    columns = {
        "kind": np.array([EVOLVED] * n + list(wanted)),
        "generation": np.full(n_all, number),
        "image_id": np.where(is_natural, natural.image_id[best], ""),
        "natural_mean": np.full(n_all, np.nanmean(spikes)),
        "natural_sd": np.full(n_all, np.nanstd(spikes)),
        "natural_best": np.where(is_natural, natural.evenly[site][best], np.nan),
        "n_told": np.full(n_all, search.n_told),
        "step_size": np.full(n_all, search.step_size),
    }
    categories = np.where(is_natural, natural.category[best], "").tolist()
    return _OfSite(np.concatenate(images), np.concatenate(codes), columns, categories)


def _stimulus_rows(
    items: Columns, images: ImageBytes, table: dict[str, Any], categories: Sequence[str]
) -> dict[str, Any]:
    """Return rows of the stimulus table; no image lies beneath, so that each is its own clean one."""
    n, nothing = len(images), np.full(len(images), np.nan)
    if not np.array_equal(items["kind"], table["kind"]):
        raise ValueError("expected the planned images site by site, generation first; found another order")
    return {
        "stimulus_id": [stimulus_id(image) for image in images],
        "image_index": table["image_index"],
        "kind": table["kind"],
        "role": [EVOLUTION] * n,
        "image_id": table["image_id"],
        "category": list(categories),
        "item_id": items["item_id"],
        "clean_index": table["image_index"],
        "site_index": table["site_index"],
        "epsilon": np.zeros(n),
        "realised_epsilon": np.zeros(n),
        "predicted_clean": nothing,
        "predicted_attacked": nothing,
        "predicted_sign": np.zeros(n, dtype=np.int32),
        "repetitions": items["repetitions"],
    }
