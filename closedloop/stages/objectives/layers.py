"""Images that move the layer beneath a readout as far as they can, whatever the sites make of it (appendix 6.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.protocol.objectives.stated import StatedObjective
from closedloop.attacks.engine.batch_size import BatchSize, choose_batch_size
from closedloop.attacks.layer_attacks import ReadoutFeatures, layer_attacks
from closedloop.models.site_model import SiteModel, device_of
from closedloop.stages.from_protocol.attack import lattice_of
from closedloop.stages.objectives.aims import method_of_objective

ImageBytes = NDArray[np.uint8]


def displaced(
    model: SiteModel,
    clean: ImageBytes,
    objective: StatedObjective,
    *,
    names: Sequence[str],
    batch_size: BatchSize,
) -> ImageBytes:
    """Return images whose features at the model's cut lie as far from the clean ones' as their ball allows.

    Parameters
    ----------
    model
        One member of the day's model, ready for attacks.
    clean
        Images that are changed, uint8, (n_images, side, side, 3).
    objective
        The protocol's.
    names
        One an image, from which its random start derives.
    batch_size
        Images at once; what is found does not depend on it.
    """
    features, method = ReadoutFeatures(model).eval(), method_of_objective(objective)
    n_at_once = choose_batch_size(
        batch_size, features, clean.shape[1:3], device=device_of(model), n_sharing=1, method=method
    )
    found = layer_attacks(
        features,
        clean,
        names=names,
        epsilon=objective.epsilon,
        method=method,
        lattice=lattice_of(objective.gradient),
        batch_size=n_at_once,
    )
    return found.attacked
