"""How the base models inside the package were made: the same call makes the same bytes again, in three to five minutes.

On another processor or another version of torch the last digits, and with them the bytes, may differ.
"""

from __future__ import annotations

from closedloop.stimuli.pools import ProceduralPool
from closedloop.training.adversarial import TrainingRecipe

# A seed that no study uses, so that no image of a study was seen in training.
SHIPPED_POOL = ProceduralPool(seed=9001, side_px=32, n_categories=30, n_per_category=5000)


def _brief(architecture: str) -> TrainingRecipe:
    """Return the training of a partner of the ResNet: a minute, as partners trained longer attain hardly more."""
    return TrainingRecipe(architecture=architecture, epsilon=2.0, epochs=3, images_per_epoch=12_000, seed=1)


SHIPPED_RECIPES = {
    "small_plain_robust": _brief("small_plain"),
    "small_resnet_robust": TrainingRecipe(epsilon=2.0),  # section 3.1: the best base model of the screening
    "small_smooth_robust": _brief("small_smooth"),
    "small_resnet_vanilla": TrainingRecipe(epsilon=0.0),  # its twin, for the comparison of Figure 1A
}
