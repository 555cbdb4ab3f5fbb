"""The reference output that a protocol names, compared with its network before a study is made."""

from __future__ import annotations

from pathlib import Path

from closedloop.errors import CheckpointError
from closedloop.models.inspection.checks import check_reference
from closedloop.models.inspection.reference import read_reference
from closedloop.models.site_model import BaseModel, build_site_model, features_of


def refuse_other_features(base: BaseModel, path: Path) -> None:
    """Refuse a network that makes other features of the reference images than those that stand beside them.

    Parameters
    ----------
    base
        Opened and cut.
    path
        The file.

    Raises
    ------
    CheckpointError
        It does, or the file holds no reference output.
    """
    reference = read_reference(path)
    try:
        model = build_site_model(base, n_sites=1, side_px=reference.images.shape[1], seed=0)
        found = check_reference(features_of(model, reference.images).numpy(), reference)
    except (RuntimeError, ValueError, AssertionError) as error:
        said = " ".join(str(error).split())
        raise CheckpointError(
            f"{path}: expected images that the network takes, found others ({said:.120}). Give its own reference."
        ) from error
    if found.result == "FAIL":
        raise CheckpointError(
            f"{path}: expected the features that this reference output has, found that the network {found.found}: "
            f"{found.fix}."
        )
