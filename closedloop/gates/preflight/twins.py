"""How far apart an image and what was made from it are scheduled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.catalog import PRESENTATIONS, SESSION, STIMULI
from closedloop.artifacts.gates.report import GateFinding
from closedloop.artifacts.protocol.protocol import session_hours
from closedloop.gates.context import GateContext
from closedloop.gates.levels import finding, level_of

_MIN_PER_HOUR = 60
_DIGITS = 9  # minutes that were divided and multiplied again are not less than were asked for


def twins_scheduled(context: GateContext) -> GateFinding:
    """Compare the nearest twins of presentations.parquet with the minutes that the protocol asks for.

    Minutes are counted as schedule plans them, with the broken trials that the protocol expects.
    """
    wanted_min = context.protocol.presentation.twin_separation_min
    n_presentations = context.read(SESSION).n_presentations
    each_min = session_hours(context.protocol, n_presentations=n_presentations) * _MIN_PER_HOUR / n_presentations
    apart = nearest_twins(context.read(PRESENTATIONS)["image_index"], context.read(STIMULI)["clean_index"])
    nearest_min = None if apart is None else apart * each_min
    part = 1.0 if nearest_min is None or wanted_min == 0 else round(nearest_min / wanted_min, _DIGITS)
    return finding(
        "twins_scheduled",
        level_of(part, context.protocol.gates.twins_scheduled),
        expected=f"at least {wanted_min:g} min between an image and its changed one",
        found="no image with a changed one" if nearest_min is None else f"{nearest_min:.3g} min between the nearest",
        remedy="Move the day's schedule folder aside and run it: the session is made again. An answer to the second of "
        "two alike images is not that to the first.",
        values={"nearest_min": nearest_min, "wanted_min": wanted_min},
    )


def nearest_twins(image_index: NDArray[np.int64], clean_index: NDArray[np.int64]) -> int | None:
    """Return the fewest presentations from a changed image to its clean one; None where no image is changed.

    Parameters
    ----------
    image_index
        Image of each presentation, in the order shown.
    clean_index
        For each image, the clean one that it was made from; its own where it is clean.
    """
    last: dict[tuple[int, bool], int] = {}
    nearest: int | None = None
    for place, image in enumerate(image_index.tolist()):
        family = int(clean_index[image])
        is_changed = family != image
        twin = last.get((family, not is_changed))
        if twin is not None and (nearest is None or place - twin < nearest):
            nearest = place - twin
        last[family, is_changed] = place
    return nearest
