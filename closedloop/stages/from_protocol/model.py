"""The sections `base_model` and `fit` as settings of the models and their training."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from closedloop.artifacts.protocol.analysis import Fit
from closedloop.artifacts.protocol.images import BaseModelChoice
from closedloop.errors import CheckpointError
from closedloop.execution.local import usable_processors
from closedloop.execution.workers import Workers
from closedloop.models.checkpoints import open_base_model
from closedloop.models.inspection.reference_place import find_reference
from closedloop.models.inspection.stated_reference import refuse_other_features
from closedloop.models.networks.code import NetworkCode, name_of_code
from closedloop.models.shipped import weights_file
from closedloop.models.site_model import BaseModel, build_site_model, predict
from closedloop.stages.from_protocol.networks import code_of, open_choice
from closedloop.storage import sha256_file
from closedloop.training.end_to_end import RefitRecipe
from closedloop.training.sharded.split import split_model


def base_model_of(
    choice: BaseModelChoice, source: str, *, sha256: str | None = None, code: NetworkCode | None = None
) -> BaseModel:
    """Open the network under the readout, cut at the protocol's layer.

    Parameters
    ----------
    choice
        The protocol's section.
    source
        Name of shipped weights, or the file that was imported; a file alone is checked against the architecture.
    sha256
        What the file was when the study began; None before that, and where nobody knows.
    code
        The file of its code, where it is code.

    Raises
    ------
    CheckpointError
        The file cannot be used, is another than it was, or its architecture is another.
    """
    file = weights_file(source)
    if sha256 is not None and file.is_file() and sha256_file(file) != sha256:
        raise CheckpointError(
            f"{file}: expected the base model that the study began with, found other bytes. "
            "Restore it from a copy; another base model is a new study."
        )
    if choice.source != "own":
        return open_choice(choice, source, code=code)
    imported = Path(source).is_absolute()
    base = open_base_model(source, architecture=choice.architecture if imported else None, layer=choice.layer)
    return replace(base, readout=choice.readout)


def members_of(
    ensemble: Sequence[BaseModelChoice],
    *,
    sha256: Sequence[str | None],
    near: Path,
    code: Mapping[str, str] = MappingProxyType({}),
) -> list[BaseModel]:
    """Open the networks of an ensemble's further members, each cut at its layer.

    Parameters
    ----------
    ensemble
        The protocol's section.
    sha256
        What their files were when the study began, in this order; None where nobody knows.
    near
        See `networks.code_of`.
    code
        Hashes of their code when the study began, by factory.

    Raises
    ------
    CheckpointError
        A file cannot be used, or is another than it was.
    """
    return [
        base_model_of(member, member.weights, sha256=known, code=recorded_code_of(member, code, near=near))
        for member, known in itertools.zip_longest(ensemble, sha256[: len(ensemble)])
    ]


def recorded_code_of(choice: BaseModelChoice, code: Mapping[str, str], *, near: Path) -> NetworkCode | None:
    """Find the file of a network's code, which is as a study recorded it; None where it is no code.

    Parameters
    ----------
    choice
        The protocol's section.
    code
        Hashes by factory, as recorded; empty before the study is made.
    near
        See `networks.code_of`.
    """
    sha256 = code.get(name_of_code(choice.factory)) if choice.factory else None
    return code_of(choice, near=near, sha256=sha256)


def try_base_model(choice: BaseModelChoice, source: str, *, side_px: int, near: Path, fitted: str = "all") -> None:
    """Open a base model and show it a grey image of the size that the monkey will see.

    Parameters
    ----------
    choice
        The protocol's section.
    source
        Name of shipped weights, or a file.
    side_px
        The image's side.
    near
        Folder of the protocol, where its code may be.
    fitted
        What of it is fitted, by the protocol.

    Raises
    ------
    CheckpointError
        The file cannot be used, makes no finite numbers of the image at the protocol's layer, or other features of the
        reference images than those that stand beside them.
    ProtocolError
        It has not the layer from which on it is to be fitted.
    """
    base = base_model_of(choice, source, code=code_of(choice, near=near, sha256=None))
    grey = np.full((1, side_px, side_px, 3), 128, dtype=np.uint8)
    try:
        model = build_site_model(base, n_sites=1, side_px=side_px, seed=0)
        found = predict(model, grey, batch_size=1)
    except (RuntimeError, ValueError, AssertionError) as error:
        said = " ".join(str(error).split())
        raise CheckpointError(
            f"{source}: expected a network that takes images of {side_px} px up to {choice.layer}, found one that does "
            f"not ({said:.120}). Change images.side_px or base_model.layer in the protocol."
        ) from error
    if choice.reference is not None:
        refuse_other_features(base, find_reference(choice.reference, near=near))
    if not np.isfinite(found).all():
        raise CheckpointError(
            f"{source}: expected finite features of a grey image at {choice.layer}, found others. The file is "
            "damaged, or its training failed: use another."
        )
    split_model(model, fitted)


def processes_of(workers: Workers | None) -> int:
    """Return how many processes of this machine fit members: as many as were named, or as there are processors."""
    return workers.n if workers is not None and workers.kind == "local" else usable_processors()


def weight_decay_of(fit: Fit, *, n_images: int) -> float:
    """Return the weight decay of a refit to so many images: the more there are, the less they have to be helped."""
    if fit.decay_images is None or n_images <= fit.decay_images:
        return fit.weight_decay
    return fit.weight_decay * float((fit.decay_images / n_images) ** fit.decay_power)


def recipe_of(fit: Fit, *, n_images: int, is_first: bool) -> RefitRecipe:
    """Return how a refit descends.

    Parameters
    ----------
    fit
        The protocol's section.
    n_images
        It is fitted to.
    is_first
        Whether the model has never been fitted before.
    """
    return RefitRecipe(
        epochs=(fit.first_epochs or fit.epochs) if is_first else fit.epochs,
        base_learning_rate=fit.base_learning_rate,
        readout_learning_rate=fit.readout_learning_rate,
        weight_decay=weight_decay_of(fit, n_images=n_images),
        batch_size=fit.batch_size,
        schedule=fit.schedule,
        shift=fit.shift,
        shards=fit.shards,
        precision=fit.precision,
        train=fit.train,
    )
