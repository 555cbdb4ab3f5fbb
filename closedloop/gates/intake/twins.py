"""Whether images and their changed twins were far apart in time as they were shown."""

from __future__ import annotations

import numpy as np

from closedloop.artifacts.catalog import RESPONSES, STIMULI
from closedloop.artifacts.gates.report import GateFinding
from closedloop.gates.context import GateContext
from closedloop.gates.day_rates import presentations_left_out
from closedloop.gates.levels import finding, level_of
from closedloop.gates.wording import bounds, percent, plain
from closedloop.stimuli.sequences import minutes_to_twin


def twins_shown(context: GateContext) -> GateFinding:
    """Count the used presentations of changed images that came nearer to their clean image than planned."""
    limit, least_min = context.protocol.gates.twins_shown, context.protocol.presentation.twin_separation_min
    shown, stimuli = context.read(RESPONSES), context.read(STIMULI)
    used = shown["used"] & ~presentations_left_out(context, context.uncounted())
    minutes = minutes_to_twin(
        np.asarray(shown["image_index"][used], dtype=np.int64),
        shown["onset_s"][used],
        np.asarray(stimuli["clean_index"], dtype=np.int64),
    )
    expected = f"{bounds(limit, percent)} of the changed images nearer than {least_min:g} min to their clean image"
    if not len(minutes):
        return finding("twins_shown", "PASS", expected=expected, found="no changed image with its clean one", remedy="")
    part, median_min = float(np.mean(minutes < least_min)), float(np.median(minutes))
    return finding(
        "twins_shown",
        level_of(part, limit),
        expected=expected,
        found=f"{percent(part)}; the median {plain(median_min)} min, the nearest {plain(float(minutes.min()))} min",
        remedy="Adaptation to the image makes the change look smaller or larger. Was the session shown by another "
        "program, or stopped and resumed often near its end? Read the day's sensitivity with this in mind.",
        values={"part_near": part, "median_min": median_min, "nearest_min": float(minutes.min())},
    )
