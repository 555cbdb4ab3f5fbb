"""How long a refit takes, measured before it begins."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np

from closedloop.artifacts.protocol.analysis import Fit
from closedloop.models.ensemble import DayModel, SiteEnsemble
from closedloop.models.site_model import SiteModel
from closedloop.stages.from_protocol.model import processes_of, recipe_of
from closedloop.training.end_to_end import RefitRecipe, Responses, refit

_STEPS = 3  # that are timed, after as many that are not: the first ones wait for memory
_HELD_OUT = 4


def refit_seconds(fit: Fit, *, n_images: int, model: DayModel, side_px: int) -> float:
    """Measure what a refit costs on this machine, on all of its processors; a few steps on noise are taken for it.

    Parameters
    ----------
    fit
        The protocol's section.
    n_images
        Images that are fitted.
    model
        What is fitted; its weights change. Members of an ensemble are fitted side by side, shards of one likewise.
    side_px
        Side of the images.
    """
    recipe = recipe_of(fit, n_images=n_images, is_first=False)
    n_steps = fit.epochs * math.ceil(n_images / recipe.batch_size)
    members = model.members if isinstance(model, SiteEnsemble) else (model,)
    n = processes_of(None)
    one = replace(recipe, epochs=1)
    n_of_each = max(n // len(members), 1)
    seconds = [n_steps * _step_seconds(member, one, side_px=side_px, n_processes=n_of_each) for member in members]
    return max(sum(seconds) / n, *seconds) if len(seconds) > 1 else seconds[0]


def _step_seconds(model: SiteModel, recipe: RefitRecipe, *, side_px: int, n_processes: int) -> float:
    train, held_out = (
        _noise(n, side_px=side_px, n_sites=model.spec.n_sites) for n in (_STEPS * recipe.batch_size, _HELD_OUT)
    )
    began = 0.0
    for _ in range(2):
        began = time.perf_counter()
        refit(model, train, held_out, recipe=recipe, seed=0, n_processes=n_processes)
    return (time.perf_counter() - began) / _STEPS


def _noise(n_images: int, *, side_px: int, n_sites: int) -> Responses:
    drawn = np.random.default_rng(0)
    images = drawn.integers(0, 256, (n_images, side_px, side_px, 3), dtype=np.uint8)
    return Responses(
        images, drawn.standard_normal((n_images, n_sites)).astype(np.float32), np.ones(n_images, dtype=np.float32)
    )
