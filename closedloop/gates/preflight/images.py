"""Which pictures a fit has seen, and which are shown twice as new ones; by their bytes, whatever they are called."""

from __future__ import annotations

import numpy as np

from closedloop.artifacts.amended.closing import closed_days
from closedloop.artifacts.catalog import RESPONSES, STIMULI
from closedloop.artifacts.gates.report import GateFinding
from closedloop.artifacts.records.amendments import read_amendments
from closedloop.artifacts.tables import Columns
from closedloop.gates.context import GateContext
from closedloop.gates.levels import finding, level_of

FITTED_ROLE = "clean"
"""What a refit is made from; anchors are claimed on, normalizers and controls compared."""


def image_reuse(context: GateContext) -> GateFinding:
    """Count pictures that are claimed on though a fit has seen them or will, and new ones that were shown before.

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
    fitted = {*_pictures(today, fitted=True), *(name for past in before for name in _pictures(past, fitted=True))}
    claimed = set(_pictures(today, fitted=False))
    n_claimed = len(claimed & fitted)
    new = _pictures(today, fitted=True)
    shown = {name for past in before for name in _pictures(past, fitted=True)}
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


def _pictures(stimuli: Columns, *, fitted: bool) -> list[str]:
    """Return the content hashes of a day's clean images, of those that enter a fit or of the others."""
    is_clean = stimuli["kind"] == "clean"
    rows = is_clean & ((stimuli["role"] == FITTED_ROLE) == fitted)
    return [str(name) for name in stimuli["stimulus_id"][np.flatnonzero(rows)]]


def _found(n_claimed: int, n_again: int) -> str:
    if not n_claimed + n_again:
        return "each once"
    return f"{n_claimed:,} anchors or normalizers among fitted images, {n_again:,} new images shown before"
