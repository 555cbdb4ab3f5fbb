"""How the base models inside the package were made: the same call makes the same bytes again, in three to five minutes.

On another processor or another version of torch the last digits, and with them the bytes, may differ.
"""

from __future__ import annotations

from closedloop.stimuli.pools import ProceduralPool
from closedloop.training.adversarial import TrainingRecipe

# A seed that no study uses, so that no image of a study was seen in training.
SHIPPED_POOL = ProceduralPool(seed=9001, side_px=32, n_categories=30, n_per_category=5000)
SHIPPED_RECIPES = {
    "small_plain_robust": TrainingRecipe(architecture="small_plain", epsilon=2.0),
    "small_resnet_robust": TrainingRecipe(epsilon=2.0),  # section 3.1: the best base model of the screening
    "small_smooth_robust": TrainingRecipe(architecture="small_smooth", epsilon=2.0),
    "small_resnet_vanilla": TrainingRecipe(epsilon=0.0),  # its twin, for the comparison of Figure 1A
}
