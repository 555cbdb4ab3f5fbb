"""Which pictures a fit has seen, and which are shown twice as new ones; by their bytes, whatever they are called."""

from __future__ import annotations

import numpy as np

from closedloop.artifacts.catalog import STIMULI
from closedloop.artifacts.gates.report import GateFinding
from closedloop.artifacts.tables import Columns
from closedloop.gates.context import GateContext
from closedloop.gates.levels import finding, level_of

FITTED_ROLE = "clean"
"""What a refit is made from; anchors are claimed on, normalizers and controls compared."""


def image_reuse(context: GateContext) -> GateFinding:
    """Count pictures that are claimed on though a fit has seen them or will, and new ones that were shown before.

    The model that attacks today was fitted to the pictures of the days before; tonight's will be to today's, and
    tomorrow it is asked about the same anchors.
    """
    today = context.read(STIMULI)
    before = [one.read(STIMULI) for one in context.earlier if one.has(STIMULI)]
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


def _pictures(stimuli: Columns, *, fitted: bool) -> list[str]:
    """Return the content hashes of a day's clean images, of those that enter a fit or of the others."""
    is_clean = stimuli["kind"] == "clean"
    rows = is_clean & ((stimuli["role"] == FITTED_ROLE) == fitted)
    return [str(name) for name in stimuli["stimulus_id"][np.flatnonzero(rows)]]


def _found(n_claimed: int, n_again: int) -> str:
    if not n_claimed + n_again:
        return "each once"
    return f"{n_claimed:,} anchors or normalizers among fitted images, {n_again:,} new images shown before"
