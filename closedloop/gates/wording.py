"""Numbers and limits in the words of a finding."""

from __future__ import annotations

from collections.abc import Callable

from closedloop.artifacts.protocol.gates import AtLeast, AtMost

NOTHING_BEFORE = "day 0: there is no day before it to compare with"


def percent(part: float) -> str:
    """Return a part as a percentage in three digits, ``0.38 %``."""
    return f"{100 * part:.3g} %"


def plain(value: float) -> str:
    """Return a number in three digits."""
    return f"{value:.3g}"


def bounds(limit: AtMost | AtLeast, show: Callable[[float], str] = plain, *, unit: str = "") -> str:
    """Return limits in words, ``at most 2 % (held above 10 %)``.

    Parameters
    ----------
    limit
        The protocol's.
    show
        How a number is written.
    unit
        Stands after each.
    """
    most = isinstance(limit, AtMost)
    after = f" {unit}" if unit else ""
    wanted = "any" if limit.warn is None else f"{'at most' if most else 'at least'} {show(limit.warn)}{after}"
    if limit.hold is None or limit.hold == limit.warn:
        return wanted
    return f"{wanted} (held {'above' if most else 'below'} {show(limit.hold)}{after})"


def signed(value: float) -> str:
    """Return a difference in three decimals, ``+0.012``."""
    return f"{value:+.3f}"
