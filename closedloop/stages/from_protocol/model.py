"""The sections `base_model` and `fit` as settings of the models and their training."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.protocol.analysis import Fit
from closedloop.artifacts.protocol.images import BaseModelChoice
from closedloop.errors import CheckpointError
from closedloop.models.checkpoints import open_base_model
from closedloop.models.shipped import weights_file
from closedloop.models.site_model import BaseModel
from closedloop.storage import sha256_file
from closedloop.training.end_to_end import RefitRecipe


def base_model_of(choice: BaseModelChoice, source: str, *, sha256: str | None = None) -> BaseModel:
    """Open the network under the readout, cut at the protocol's layer.

    Parameters
    ----------
    choice
        The protocol's section.
    source
        Name of shipped weights, or the file that was imported; a file alone is checked against the architecture.

    sha256
        What the file was when the study began; None before that, and where nobody knows.

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
    imported = Path(source).is_absolute()
    return open_base_model(source, architecture=choice.architecture if imported else None, layer=choice.layer)


def recipe_of(fit: Fit) -> RefitRecipe:
    """Return how a day's refit descends."""
    return RefitRecipe(
        epochs=fit.epochs,
        base_learning_rate=fit.base_learning_rate,
        readout_learning_rate=fit.readout_learning_rate,
        weight_decay=fit.weight_decay,
        batch_size=fit.batch_size,
    )
