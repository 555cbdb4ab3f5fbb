"""An export, opened as anybody opens it, against the predictions that were written with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from closedloop.errors import CheckpointError
from closedloop.models.exchange import load
from closedloop.models.networks.zoo import import_torchvision
from closedloop.models.weight_files import read_safetensors

_NAMES = ("images", "predictions", "predictions_of_members")


def reference_difference(folder: Path, described: Mapping[str, Any]) -> float:
    """Return how far an exported model's predictions are from the reference, as `load.difference` has it.

    Parameters
    ----------
    folder
        The export.
    described
        Its description. Code that it names is run.

    Raises
    ------
    CheckpointError
        It cannot be opened.
    """
    if any(one["network"]["source"] in ("torchvision", "timm") for one in described["members"]):
        import_torchvision()
    reference = read_safetensors(folder / load.REFERENCE)
    for name in _NAMES:
        if name not in reference:
            raise CheckpointError(
                f"{folder / load.REFERENCE}: expected {', '.join(_NAMES)}, found no {name}. Copy the export again."
            )
    for one in described["members"]:
        read_safetensors(folder / one["weights"])  # refuses what is no file of weights, in a line
    try:
        found = load.predict(load.build_model(described, folder), reference["images"])
    except ModuleNotFoundError:
        raise
    except Exception as error:
        said = " ".join(str(error).split())
        raise CheckpointError(
            f"{folder}: expected a model that opens, found one that does not ({type(error).__name__}: {said:.160}). "
            "Copy the export again, or install the versions that model.json names."
        ) from error
    if found.shape != reference["predictions_of_members"].shape:
        raise CheckpointError(f"{folder}: expected predictions of its own shape, found others. Copy the export again.")
    return max(
        load.difference(found, reference["predictions_of_members"]),
        load.difference(found.mean(dim=0), reference["predictions"]),
    )
