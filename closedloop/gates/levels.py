"""From a number and its limits to what a gate says of it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from closedloop.artifacts.gates.report import GateFinding, GateLevel
from closedloop.artifacts.protocol.gates import AtLeast, AtMost


def level_of(value: float, limit: AtMost | AtLeast) -> GateLevel:
    """Return what a number comes to: on a limit it still passes; one that is not finite holds where anything can.

    Parameters
    ----------
    value
        What was found.
    limit
        The protocol's, in the same unit.
    """
    sign = 1.0 if isinstance(limit, AtMost) else -1.0

    def is_beyond(bound: float | None) -> bool:
        return bound is not None and not sign * value <= sign * bound

    if is_beyond(limit.hold):
        return "HOLD"
    return "WARN" if is_beyond(limit.warn) else "PASS"


def worst(*levels: GateLevel) -> GateLevel:
    """Return the worst of several levels; PASS of none."""
    return max(levels, key=("PASS", "WARN", "HOLD").index, default="PASS")


def finding(
    gate: str,
    level: GateLevel,
    *,
    expected: str,
    found: str,
    remedy: str,
    values: Mapping[str, float | None] | None = None,
) -> GateFinding:
    """Return what a gate found; a gate that passes has no remedy.

    Parameters
    ----------
    gate
        Its name.
    level
        What it comes to.
    expected, found
        In plain words, with numbers and units. An approval is of `found`: nothing that changes by itself stands in it.
    remedy
        What to do where it warns or holds.
    values
        The numbers that decided, by name.
    """
    return GateFinding(
        gate=gate,
        level=level,
        expected=expected,
        found=found,
        remedy="" if level == "PASS" else remedy,
        values={name: _rounded(value) for name, value in (values or {}).items()},
    )


def _rounded(value: float | None) -> float | None:
    """Return nine digits of a number: sums in another order have the same ones; None where it is none."""
    return float(f"{value:.9g}") if value is not None and math.isfinite(value) else None
