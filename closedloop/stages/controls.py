"""A day's controls as bytes: noise as large as its attacks, attacks of the day before, and shams."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from closedloop.attacks.lattice import realised_norm, scale_to_norm
from closedloop.attacks.synthesis.items import SynthesisResult
from closedloop.stages.planned_day import ImageBytes, PlannedDay
from closedloop.stimuli.controls import gaussian_direction, interpolation_direction


def make_controls(
    plan: PlannedDay, attacks: SynthesisResult, *, noise_seeds: Sequence[int], again: ImageBytes
) -> ImageBytes:
    """Return the images of all controls: noise as large as the attacks, attacks of the day before, shams as they are.

    Parameters
    ----------
    plan
        The day's.
    attacks
        Its own, as they were found.
    noise_seeds
        One for each image of noise.
    again
        Attacks of the day before, in the order of the plan, uint8, (n_again, side, side, 3).
    """
    controls = plan.clean[plan.clean_index(plan.controls)]  # a sham stays that
    controls[np.isin(plan.controls, plan.noise)] = _make_noise(plan, attacks, seeds=noise_seeds)
    controls[np.isin(plan.controls, plan.yesterday)] = again
    return controls


def _make_noise(plan: PlannedDay, attacks: SynthesisResult, *, seeds: Sequence[int]) -> ImageBytes:
    """Change images without a model, by as much as the attacks of the same epsilon were really changed, in bytes."""
    if not len(plan.noise):
        return np.empty((0, *plan.clean.shape[1:]), dtype=np.uint8)
    clean = plan.clean[plan.clean_index(plan.noise)]
    direction = np.stack(
        [_direction(plan, int(row), image, seed) for row, image, seed in zip(plan.noise, clean, seeds, strict=True)]
    )
    attack_norm = realised_norm(plan.clean[plan.clean_index(plan.attacks)], attacks.attacked)
    attack_epsilon = np.where(  # of the day's own attacks; those on single images are of a few sites alone
        plan.items["kind"][plan.attacks] == "attacked", plan.items["epsilon"][plan.attacks], np.nan
    )
    norm = np.array([attack_norm[attack_epsilon == epsilon].mean() for epsilon in plan.items["epsilon"][plan.noise]])
    return scale_to_norm(clean, direction, norm=norm)


def _direction(plan: PlannedDay, row: int, image: ImageBytes, seed: int) -> NDArray[np.float32]:
    if plan.items["kind"][row] == "gaussian":
        return gaussian_direction(image.shape, seed)
    other = np.flatnonzero(plan.images["image_id"] == plan.items["other_image_id"][row])[0]
    return interpolation_direction(image, plan.clean[other])
