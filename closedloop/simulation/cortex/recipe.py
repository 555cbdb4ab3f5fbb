"""Everything that decides the weights of a hidden cortex's network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CortexRecipe:
    """Everything that decides the weights.

    Parameters
    ----------
    seed
        Of initial weights, order of images and random starts.
    pool_seed
        Of the training images; experiments use other pools.
    epsilon
        L2 radius of the attacks trained against, in 224 px units.
    attack_steps, attack_step_fraction
        Steps of the inner search and their size in radii.
    """

    seed: int = 20221
    pool_seed: int = 990001
    n_categories: int = 30
    n_images_per_category: int = 1000
    epochs: int = 2
    batch_size: int = 64
    learning_rate: float = 5e-3
    weight_decay: float = 1e-3
    epsilon: float = 2.0
    attack_steps: int = 1
    attack_step_fraction: float = 1.0
