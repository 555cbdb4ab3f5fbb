"""The sections `base_model` and `fit` as settings of the models and their training."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.protocol.analysis import Fit
from closedloop.artifacts.protocol.images import BaseModelChoice
from closedloop.models.checkpoints import open_base_model
from closedloop.models.site_model import BaseModel
from closedloop.training.end_to_end import RefitRecipe


def base_model_of(choice: BaseModelChoice, source: str) -> BaseModel:
    """Open the network under the readout, cut at the protocol's layer.

    Parameters
    ----------
    choice
        The protocol's section.
    source
        Name of shipped weights, or the file that was imported; a file alone is checked against the architecture.

    Raises
    ------
    CheckpointError
        The file cannot be used, or its architecture is another.
    """
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
