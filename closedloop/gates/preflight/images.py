"""Which pictures a fit has seen, and which are shown twice as new ones; by their bytes, whatever they are called."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.amended.closing import closed_days
from closedloop.artifacts.catalog import RESPONSES, STIMULI
from closedloop.artifacts.day_use import FITTED_ROLES
from closedloop.artifacts.gates.report import GateFinding
from closedloop.artifacts.protocol.evolution.section import EVOLUTION
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.tables import Columns
from closedloop.gates.context import GateContext
from closedloop.gates.levels import finding, level_of


def image_reuse(context: GateContext) -> GateFinding:
    """Count images that are claimed on though a fit has seen them or will, and new ones that were shown before.

    By their bytes, changed ones too: no byte of what is evaluated was fitted.

    The model that attacks today was fitted to the pictures of the days before; tonight's will be to today's, and
    tomorrow it is asked about the same anchors. Of a day that people closed before its end counts what was shown.
    """
    today = context.read(STIMULI)
    closed = {one.session for one in closed_days(read_amendments(context.paths.amendments))}
    before = [
        _shown(one.read(STIMULI), one.read(RESPONSES)) if one.block in closed else one.read(STIMULI)
        for one in context.earlier
        if one.has(STIMULI)
    ]
    fitted = {name for day in (today, *before) for name in _shown_as(day, _is_fitted(day))}
    of_no_model = (
        today["role"] == EVOLUTION
    )  # natural images are shown again there: no model foretells anything of them
    claimed = set(_shown_as(today, ~_is_fitted(today) & ~of_no_model))
    n_claimed = len(claimed & fitted)
    new = _shown_as(today, _is_new(today))
    shown = {name for past in before for name in _shown_as(past, _is_new(past))}
    n_again = len(set(new) & shown) + len(new) - len(set(new))
    return finding(
        "image_reuse",
        level_of(n_claimed + n_again, context.protocol.gates.image_reuse),
        expected="anchors and normalizers that no fit has seen, and new images that were never shown",
        found=_found(n_claimed, n_again),
        remedy="Look for pictures that are in the image folder twice. What is claimed on an image that was fitted is "
        "no prediction: start from a folder where each is once.",
        values={"n_claimed_and_fitted": n_claimed, "n_new_and_shown": n_again},
    )


def _shown(stimuli: Columns, responses: Columns) -> Columns:
    """Keep the stimuli that were shown, and the clean images whose changed ones were: they are used with them."""
    shown = np.zeros(len(stimuli["image_index"]), dtype=bool)
    shown[np.asarray(responses["image_index"], dtype=np.int64)] = True
    used = shown | np.isin(stimuli["image_id"], np.asarray(stimuli["image_id"])[shown])
    return {name: np.asarray(column)[used] for name, column in stimuli.items()}


def _is_fitted(stimuli: Columns) -> NDArray[np.bool_]:
    """Return which images enter a fit; anchors are claimed on, normalizers and controls compared."""
    return np.isin(stimuli["role"], FITTED_ROLES)


def _is_new(stimuli: Columns) -> NDArray[np.bool_]:
    return np.asarray((stimuli["kind"] == "clean") & _is_fitted(stimuli))


def _shown_as(stimuli: Columns, rows: NDArray[np.bool_]) -> list[str]:
    """Return the content hashes of some of a day's images."""
    return [str(name) for name in stimuli["stimulus_id"][rows]]


def _found(n_claimed: int, n_again: int) -> str:
    if not n_claimed + n_again:
        return "each once"
    return f"{n_claimed:,} anchors or normalizers among fitted images, {n_again:,} new images shown before"
