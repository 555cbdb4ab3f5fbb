"""The model, the images and the outputs that `closedloop attack` is asked for, checked before any work."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.commands.attack_sets import AttackedModel
from closedloop.artifacts.naming import stimulus_id
from closedloop.attacks.synthesis.sources import ModelSource, site_model_file, units_file
from closedloop.commands.attack.asked import PENULTIMATE, outputs_in, refuse_other_outputs
from closedloop.errors import ImageError, ProtocolError
from closedloop.models.backbones import architecture_named
from closedloop.models.checkpoints import is_site_model, open_base_model, specs_of
from closedloop.models.shipped import shipped_names
from closedloop.models.site_model import count_units
from closedloop.models.weight_files import read_metadata
from closedloop.stimuli.decoding import load_square
from closedloop.stimuli.folders import open_folder_pool


@dataclass(frozen=True)
class Subject:
    """The model that is attacked: where it is loaded from, and its description."""

    source: ModelSource
    model: AttackedModel


@dataclass(frozen=True)
class NamedImages:
    """The images to attack: their names, all different, and their pixels, uint8 (n, side, side, 3)."""

    image_ids: tuple[str, ...]
    pixels: NDArray[np.uint8]

    @property
    def digest(self) -> str:
        """Hash of names and pixels."""
        names = [f"{name} {stimulus_id(image)}" for name, image in zip(self.image_ids, self.pixels, strict=True)]
        return hashlib.sha256("\n".join(names).encode()).hexdigest()


def subject_of(model: str, *, layer: str | None, architecture: str | None, side_px: int | None) -> Subject:
    """Return the model that a name or a file stands for.

    Parameters
    ----------
    model
        A site model's file, a base model's file, or the name of shipped weights.
    layer
        For a base model: where it is cut, the penultimate layer where None; its units are the channels there, averaged
        over space.
    architecture
        Of a third-party weight file; None to have it recognised.
    side_px
        Side of the images for a base model's units; the architecture's own where None.

    Raises
    ------
    CheckpointError
        The weights cannot be used.
    ProtocolError
        The base model has no such layer, or one was given for a site model.
    """
    path = Path(model)
    if model not in shipped_names() and _is_site_model(path):
        if layer or architecture or side_px:
            raise ProtocolError(f"{model}: --layer, --architecture and --side-px are a base model's. Leave them out.")
        return _site_model(path)
    return _units(model, layer=layer or PENULTIMATE, architecture=architecture, side_px=side_px)


def read_images(places: Sequence[Path], *, side_px: int) -> NamedImages:
    """Read images as squares, by ImageNet's evaluation recipe.

    Parameters
    ----------
    places
        Image files, or folders of them (flat, or one folder a class).
    side_px
        Side wanted.

    Raises
    ------
    ImageError
        One cannot be read, or two have the same name.
    """
    found: dict[str, NDArray[np.uint8]] = {}
    for place in places:
        for name, pixels in _images_at(place, side_px):
            if name in found:
                raise ImageError(f"{place}: two images are called {name}. Rename one, or give one folder.")
            found[name] = pixels
    return NamedImages(tuple(found), np.stack(list(found.values())))


def outputs_of(text: str, *, n_outputs: int) -> tuple[int, ...]:
    """Return the outputs that a text selects: ``all``, or numbers and ranges like ``0-20,35``.

    Raises
    ------
    OptionError
        The text is none of these.
    ProtocolError
        The model lacks an output.
    """
    refuse_other_outputs(text, n_outputs=n_outputs, of="the model")
    ranges = outputs_in(text)
    return tuple(range(n_outputs)) if ranges is None else tuple(sorted({one for part in ranges for one in part}))


def _is_site_model(path: Path) -> bool:
    return path.suffix == ".safetensors" and is_site_model(read_metadata(path))


def _site_model(path: Path) -> Subject:
    members, source = specs_of(path, read_metadata(path)), site_model_file(path)
    model = AttackedModel(
        source=str(path),
        sha256=source.sha256,
        kind="site_model",
        architecture=", ".join(member.architecture for member in members),
        layer=", ".join(member.layer for member in members),
        n_outputs=members[0].n_sites,
        side_px=members[0].side_px,
    )
    return Subject(source, model)


def _units(model: str, *, layer: str, architecture: str | None, side_px: int | None) -> Subject:
    source = units_file(model, layer=layer, architecture=architecture)
    base = open_base_model(source.path, architecture=architecture, layer=layer)
    side = side_px or architecture_named(base.architecture).side_px
    described = AttackedModel(
        source=model,
        sha256=source.sha256,
        kind="units",
        architecture=base.architecture,
        layer=layer,
        n_outputs=count_units(base, side_px=side),
        side_px=side,
    )
    return Subject(source, described)


def _images_at(place: Path, side_px: int) -> list[tuple[str, NDArray[np.uint8]]]:
    if place.is_dir():
        pool = open_folder_pool(place, side_px)
        return [(image.image_id, pool.load(image.image_id)) for image in pool.images()]
    return [(place.name, load_square(place, side_px=side_px))]
