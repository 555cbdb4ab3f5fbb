"""Numbers as text for the pages: with their standard error, or a dash where there is none."""

from __future__ import annotations

import math

DASH = "–"


def plus_minus(mean: float | None, standard_error: float | None) -> str:
    """Return ``0.614 ± 0.021``; the error is named unknown where it cannot be computed."""
    if mean is None or not math.isfinite(mean):
        return DASH
    if standard_error is None or not math.isfinite(standard_error):
        return f"{number(mean)} (SE unknown)"
    digits = _digits(max(abs(mean), standard_error))
    return f"{_signed(mean, digits)} ± {standard_error:.{digits}f}"


def size(value: float | None, interval: tuple[float, float]) -> str:
    """Return the size of an effect, or what it is at most where its 95 % interval reaches zero: not measurable."""
    low, high = interval
    if value is None or not math.isfinite(value):
        return DASH
    if not math.isfinite(low):
        return f"{number(value)} (interval unknown)"
    if low > 0:
        return number(value)
    return f"not measurable: at most {number(high)}" if high > 0 else "not measurable: interval below zero"


def span(interval: tuple[float, float]) -> str:
    """Return an interval as ``0.571 to 0.657``."""
    low, high = interval
    if not (math.isfinite(low) and math.isfinite(high)):
        return DASH
    digits = _digits(max(abs(low), abs(high)))
    return f"{_signed(low, digits)} to {_signed(high, digits)}"


def number(value: float | None, *, unit: str = "") -> str:
    """Return a number with three significant decimals below ten, one above a hundred."""
    if value is None or not math.isfinite(value):
        return DASH
    return _signed(value, _digits(abs(value))) + (f" {unit}" if unit else "")


def rate(value: float | None) -> str:
    """Return a rate as ``5.0``: a mean over a few presentations of a tenth of a second knows no more of it."""
    return DASH if value is None or not math.isfinite(value) else _signed(value, 1)


def count(value: int | None) -> str:
    """Return a whole number with thousands set apart."""
    return DASH if value is None else f"{value:,}"


def percent(value: float | None) -> str:
    """Return a fraction as a percentage with one decimal."""
    return DASH if value is None or not math.isfinite(value) else f"{100 * value:.1f} %"


def share(part: float | None, n: int) -> str:
    """Return a part of n as ``75.8 ± 1.9 %``, with its binomial standard error."""
    if part is None or not math.isfinite(part) or n <= 0:
        return DASH
    return f"{100 * part:.1f} ± {100 * math.sqrt(part * (1 - part) / n):.1f} %"


def _digits(size: float) -> int:
    return 3 if size < 10 else 2 if size < 100 else 1


def _signed(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "−")
