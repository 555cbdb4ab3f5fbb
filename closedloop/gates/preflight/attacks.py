"""What the attacks of a day are, counted from their bytes: within budget, hardly rounded, as bright, hardly clipped."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.catalog import AUDIT, SESSION, STIMULI
from closedloop.artifacts.gates.report import GateFinding
from closedloop.artifacts.protocol.attack import ATTACK_KINDS
from closedloop.artifacts.protocol.evolution.section import EVOLUTION_KINDS
from closedloop.artifacts.protocol.gates import AtMost
from closedloop.artifacts.protocol.plane import PLANE
from closedloop.artifacts.tables import Columns
from closedloop.gates.context import GateContext
from closedloop.gates.levels import finding, level_of
from closedloop.gates.wording import bounds, percent

_WHITE = 255
_COLOURS = 3
_SLACK = 1e-6  # of a budget: a grey level more of one value of 150,528 is 8e-6 at epsilon 1
_AGAIN = "and make the day again: move its synthesize and schedule folders aside and run it."


def attack_budget(context: GateContext) -> GateFinding:
    """Compare the realised norm of every changed image, controls too, with the epsilon that it is evaluated at."""
    stimuli = context.read(STIMULI)
    unbounded = ("clean", "sham", PLANE, *EVOLUTION_KINDS)  # a plane's places are told by the bytes
    is_changed = ~np.isin(stimuli["kind"], unbounded)
    part = _rounded(stimuli["realised_epsilon"][is_changed] / stimuli["epsilon"][is_changed])
    largest = float(part.max()) if len(part) else 0.0
    limit = context.protocol.gates.attack_budget
    n_beyond = int(np.count_nonzero(part > (limit.warn or 1.0)))
    return finding(
        "attack_budget",
        level_of(largest, limit),
        expected="no image changed by more than its epsilon",
        found=f"{n_beyond:,} of {len(part):,} changed by more, the most to {largest:.4g} times its epsilon"
        if n_beyond
        else f"the most changed one at {largest:.4g} times its epsilon",
        remedy=f"Look at synthesize/stimuli.parquet: what is evaluated at an epsilon is larger. Find out why, {_AGAIN}",
        values={"largest_part": largest, "n_beyond": n_beyond},
    )


def attack_rounding(context: GateContext) -> GateFinding:
    """Compare the predicted change of the bytes with that of the float search, at each epsilon."""

    def lost(audit: Columns, attacked: NDArray[np.bool_]) -> float:
        found, kept = (
            float(np.abs(audit[name][attacked]).sum()) for name in ("predicted_change_float", "predicted_change")
        )
        return 1.0 if found == 0 else 1.0 - kept / found

    return _worst_epsilon(
        context,
        "attack_rounding",
        measure=lost,
        expected="attacks that whole grey levels leave as they are, "
        f"{_limits(context, 'attack_rounding', percent)} of the predicted change lost",
        says=lambda worst: f"{100 * worst:.2g} % of the predicted change lost to whole levels",
        remedy=f"Larger epsilons lose less. Where it is new, find out what changed in the attack section, {_AGAIN}",
    )


def attack_luminance(context: GateContext) -> GateFinding:
    """Ask whether attacks make images brighter or darker: brightness alone drives cells."""
    return _worst_epsilon(
        context,
        "attack_luminance",
        measure=lambda audit, attacked: float(np.median(np.abs(audit["luminance_shift"][attacked]))),
        expected=f"attacks that leave the mean brightness, {_limits(context, 'attack_luminance', _grey_levels)}",
        says=lambda worst: f"a median shift of {_grey_levels(worst)}",
        remedy="Look at the day's page of stimuli. A response to brightness would count as one to the attack: "
        f"attack otherwise, {_AGAIN}",
    )


def attack_clipping(context: GateContext) -> GateFinding:
    """Ask how much of an image its attack drove to black or white."""
    n_values = _COLOURS * context.read(SESSION).image_side_px ** 2
    return _worst_epsilon(
        context,
        "attack_clipping",
        measure=lambda audit, attacked: float(audit["n_clipped"][attacked].mean()) / n_values,
        expected=f"attacks that drive few values to black or white, {_limits(context, 'attack_clipping', percent)}",
        says=lambda worst: f"{100 * worst:.2g} % of an image's values on average",
        remedy=f"Look at the day's page of stimuli. Smaller epsilons, or images of less contrast, clip less: {_AGAIN}",
    )


def _worst_epsilon(
    context: GateContext,
    gate: str,
    *,
    measure: Callable[[Columns, NDArray[np.bool_]], float],
    expected: str,
    says: Callable[[float], str],
    remedy: str,
) -> GateFinding:
    """Judge attacks at the epsilon where they are worst: the small ones of a day would hide in a mean.

    Parameters
    ----------
    context
        The gate's surroundings.
    gate
        Its name.
    measure
        Given audit.parquet and which of its rows count.
    expected, remedy
        See `GateFinding`.
    says
        The worst in words.
    """
    limit: AtMost = getattr(context.protocol.gates, gate)
    if not context.has(AUDIT):
        return finding(
            gate,
            "WARN",
            expected=expected,
            found="not known: a version before October 2026 wrote no audit.parquet",
            remedy=f"Look at the images, {_AGAIN}",
        )
    audit = context.read(AUDIT)
    is_attacked = np.isin(audit["kind"], ATTACK_KINDS)
    at = {
        float(epsilon): measure(audit, is_attacked & (audit["epsilon"] == epsilon))
        for epsilon in np.unique(audit["epsilon"][is_attacked])
    }
    worst, epsilon = max(((value, epsilon) for epsilon, value in at.items()), default=(0.0, 0.0))
    return finding(
        gate,
        level_of(worst, limit),
        expected=expected,
        found=f"{says(worst)} at epsilon {epsilon:g}" if at else "no attack",
        remedy=remedy,
        values={"worst": worst, **{f"epsilon_{epsilon:g}": value for epsilon, value in at.items()}},
    )


def _limits(context: GateContext, gate: str, show: Callable[[float], str]) -> str:
    """Return a gate's limits in words."""
    limit: AtMost = getattr(context.protocol.gates, gate)
    return bounds(limit, show)


def _grey_levels(shift: float) -> str:
    """Return a part of the range from black to white in grey levels."""
    return f"{_WHITE * shift:.2g} grey levels"


def _rounded(part: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return parts of a budget of which those that differ from a whole one by a hair are whole."""
    return np.where(np.abs(part - 1.0) <= _SLACK, 1.0, part)
