"""Items that are to bring a response to a stated level: found in batches that keep step, shown on whole grey levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from closedloop.attacks.aims.kinds import AtLevel
from closedloop.attacks.aims.level_bytes import level_on_lattice
from closedloop.attacks.aims.levels import Goals, gradients_of, search_levels
from closedloop.attacks.aims.together import objective_of
from closedloop.attacks.balls import radius_of
from closedloop.attacks.engine.evaluation import Evaluator, Width, in_halves
from closedloop.attacks.lattice import realised_epsilon
from closedloop.attacks.objectives import check_independent
from closedloop.attacks.problem import Problem, from_bytes, in_unit_range
from closedloop.attacks.synthesis.items import Attacked, seed_of
from closedloop.attacks.synthesis.work import Work, to_pixels


def levels_of(model: nn.Module, work: Work, *, batch_size: int) -> Iterator[tuple[int, Attacked]]:
    """Find images at stated levels, with each one's place in the items.

    Parameters
    ----------
    model
        Images (n, 3, height, width) in [0, 1] to responses (n, n_outputs), in ``eval`` mode.
    work
        What to find; each item's aim is a `AtLevel`, which is searched from the clean image, in one direction.
    batch_size
        Images at once; what is found does not depend on it.
    """
    check_independent(model)
    aims = [_level(item.aim) for item in work.items]
    images = from_bytes(work.clean_images, device=work.device, levels=work.lattice.levels)
    evaluator = Evaluator(Problem(model, images, objective_of(aims, work.device)), work.method, Width(batch_size))
    searches = list(dict.fromkeys((aim.search, aim.change) for aim in aims))
    for search in searches:
        alike = [place for place, aim in enumerate(aims) if (aim.search, aim.change) == search]
        for start in range(0, len(alike), batch_size):
            places = alike[start : start + batch_size]
            yield from zip(places, in_halves(partial(_find, evaluator, work, aims), places), strict=True)


def _level(aim: object) -> AtLevel:
    if not isinstance(aim, AtLevel):
        raise TypeError(f"expected an item with a level, found {aim}")
    return aim


def _find(evaluator: Evaluator, work: Work, aims: Sequence[AtLevel], places: Sequence[int]) -> list[Attacked]:
    """Return the lattice images of some items that are searched alike."""
    settings, least = aims[places[0]].search, aims[places[0]].change == "least"
    levels, clean = work.lattice.levels, work.clean(places)
    goals = _goals(work, aims, places)
    found = search_levels(evaluator, goals, settings)
    in_levels = level_on_lattice(evaluator, goals, found.delta, settings=settings, levels=levels)
    shown = to_pixels(in_levels, levels)
    before = evaluator.value(goals.clean, goals.rows).tolist()
    after = evaluator.value(in_unit_range(shown, device=work.device, levels=levels), goals.rows).tolist()
    realised = realised_epsilon(clean, shown, levels=levels).tolist()
    n_gradients = gradients_of(settings, least=least) * work.method.estimator.n_gradients
    return [
        Attacked(
            attacked=shown[place],
            predicted_clean=before[place],
            predicted_attacked=after[place],
            predicted_change_float=response - before[place],
            lattice_bound=float("nan"),
            realised_epsilon=realised[place],
            direction=1 if after[place] >= before[place] else -1,
            n_gradients=n_gradients,
        )
        for place, response in enumerate(found.response.tolist())
    ]


def _goals(work: Work, aims: Sequence[AtLevel], places: Sequence[int]) -> Goals:
    items = [work.items[place] for place in places]
    clean = in_unit_range(work.clean(places), device=work.device, levels=work.lattice.levels)
    radius = [radius_of(work.method.ball, item.epsilon, work.clean_images.shape[1]) for item in items]

    def column(values: Sequence[float]) -> Tensor:
        return torch.tensor(np.array(values), dtype=clean.dtype, device=work.device)

    return Goals(
        rows=torch.tensor(list(places), device=work.device),
        clean=clean,
        target=column([aims[place].target for place in places]),
        tolerance=column([aims[place].tolerance for place in places]),
        least=torch.tensor([aims[place].change == "least" for place in places], device=work.device),
        radius=column(radius),
        seeds=tuple(seed_of(item.item_name, 1) for item in items),
    )
