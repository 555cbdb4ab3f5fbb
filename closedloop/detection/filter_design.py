"""A definition's filters, designed and brought into the form that the kernels run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.detection.definitions import BandPass, Definition, Notch
from closedloop.detection.iir_design import band_pass_sections, butterworth, elliptic, notch_coefficients
from closedloop.errors import RecordingError

FilterSection = tuple[float, ...] | tuple[tuple[float, float], float]
"""Of one biquad: ``-a1, -a2`` with zeros at 1 and -1; ``beta, -a1, -a2`` with a pair; ``(-a1, -a2), -g`` of a notch."""

Coefficients = tuple[FilterSection, ...]

_TAIL = 1e-6  # what is left of a band-pass's memory where it is cut off
_LEAST_SHARE = 1 / 3000  # of the rate: below, float32 coefficients err by over 5 % near 0 Hz, and then without bound
_SAME = 1e-6  # to which designed zeros are exact
_NOTCH_TAIL = 1e-4  # and of a notch's: its ringing is damped 100 times more by the band-pass


@dataclass(frozen=True)
class FilterSections:
    """Biquads one after the other, in forms that need three or four operations a sample instead of five.

    With zeros at 1 and -1: ``y = x + s1; s1 = s2 - a1 y; s2 = -x - a2 y``. With a pair of zeros on the unit circle:
    ``y = x + s1; s1 = beta x - a1 y + s2; s2 = x - a2 y``. A notch takes away the resonance ``r`` that the first form
    gives, ``y = x - g r``: rounding then errs by a part of the hum, not of the whole voltage a thousand times over.

    Attributes
    ----------
    coefficients
        Of each section.
    gain
        By which the output has to be multiplied.
    settled
        State after an endless input of 1, shape (2 * n_sections,).
    plain
        The same sections, without the gain and with the kernels' rounding, as scipy would have them, (n_sections, 6).
    tail
        Samples after which an input is forgotten.
    """

    coefficients: Coefficients
    gain: float
    settled: NDArray[np.float32]
    plain: NDArray[np.float64]
    tail: int

    @property
    def n_sections(self) -> int:
        """How many biquads."""
        return len(self.coefficients)

    def state_after(self, level: NDArray[Any]) -> NDArray[np.float64]:
        """Return the state after an endless input of `level`, (n_channels,): (n_sections, 2, n_channels)."""
        return np.asarray(_settled(self.plain)[:, :, None] * level)

    def run(self, rows: NDArray[Any], state: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Filter a few rows, (n_rows, n_channels), in float64 and without the gain; give them and the new state.

        Parameters
        ----------
        rows
            What is filtered.
        state
            As of `state_after`; left as it is.
        """
        state, filtered = np.array(state, np.float64), np.array(rows, np.float64)
        y, part = np.empty((2, *filtered.shape[1:]))
        sections = [
            (b0, b1, b2, a1, a2, *own) for (b0, b1, b2, _, a1, a2), own in zip(self.plain.tolist(), state, strict=True)
        ]
        for x in filtered:  # few numbers: to make room for each sum would take longer than the sums
            for b0, b1, b2, a1, a2, first, second in sections:
                np.multiply(x, b0, out=y)
                y += first
                np.multiply(x, b1, out=first)
                np.multiply(y, a1, out=part)
                np.subtract(first, part, out=first)
                np.add(first, second, out=first)
                np.multiply(x, b2, out=second)
                np.multiply(y, a2, out=part)
                np.subtract(second, part, out=second)
                x[:] = y
        return filtered, state


NO_SECTIONS = FilterSections((), 1.0, np.zeros(0, np.float32), np.zeros((0, 6)), 0)


@dataclass(frozen=True)
class Filters:
    """What a definition asks for at one rate.

    Attributes
    ----------
    notch, band
        Forwards the notch runs, then the band-pass; a zero-phase band-pass then runs backwards.
    padding
        Samples by which a segment is continued at either end before a zero-phase filter.
    lead, lookahead
        Samples needed before and after a piece, as far as the segment has them.
    """

    notch: FilterSections
    band: FilterSections
    zero_phase: bool
    padding: int
    lead: int
    lookahead: int

    @property
    def forward(self) -> Coefficients:
        """Coefficients of everything that runs forwards."""
        return self.notch.coefficients + self.band.coefficients

    @property
    def gain(self) -> float:
        """By which the kernels' output has to be multiplied to be in the samples' unit."""
        return self.notch.gain * self.band.gain ** (2 if self.zero_phase else 1)


def design(definition: Definition, rate_hz: float) -> Filters:
    """Design a definition's filters.

    Raises
    ------
    ValueError
        The band does not fit below half the rate, or the band-pass is of an odd order.
    """
    check_fits(definition, rate_hz)
    notch = _notch(definition.notch, rate_hz) if definition.notch else NO_SECTIONS
    band = _band(definition.band, rate_hz)
    zero_phase = definition.band.zero_phase
    return Filters(
        notch=notch,
        band=band,
        zero_phase=zero_phase,
        padding=3 * (2 * band.n_sections + 1) if zero_phase else 0,  # as scipy's filtfilt
        lead=max(notch.tail, band.tail),
        lookahead=band.tail if zero_phase else 0,
    )


def check_fits(definition: Definition, rate_hz: float) -> None:
    """Refuse a rate that is too low for the band, or too high for it.

    Raises
    ------
    ValueError
        The band does not fit below half the rate.
    RecordingError
        Its poles are too near the unit circle for the kernels' numbers.
    """
    low, high = definition.band.low_hz, definition.band.high_hz
    if not 0 < low < high < rate_hz / 2:
        raise ValueError(f"the band {low}-{high} Hz needs more than {2 * high:g} samples a second, not {rate_hz:g}")
    least_hz = _LEAST_SHARE * rate_hz
    if min(low, high - low) < least_hz:
        raise RecordingError(
            f"band {low:g} {high:g}: expected a low edge and a width of at least {least_hz:g} Hz at {rate_hz:g} "
            f"samples a second, found {min(low, high - low):g} Hz, which 32-bit numbers cannot filter. "
            "Choose another band."
        )


def scipy_sections(definition: Definition, rate_hz: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the notch's and the band-pass's second-order sections as scipy would have them, (n, 6) each."""
    notch = _notch_sos(definition.notch, rate_hz) if definition.notch else np.zeros((0, 6))
    return notch, _band_sos(definition.band, rate_hz)


def _notch(notch: Notch, rate_hz: float) -> FilterSections:
    a1, a2 = _round(_notch_sos(notch, rate_hz)[0, 4:]).tolist()
    g = float(np.float32((1 - a2) / 2))
    sos = np.array([[1 - g, a1, a2 + g, 1, a1, a2]])
    return FilterSections(
        coefficients=(((-a1, -a2), -g),),
        gain=1.0,
        settled=np.array([-1, -1], np.float32),
        plain=sos,
        tail=_tail(sos, _NOTCH_TAIL),
    )


def _band(band: BandPass, rate_hz: float) -> FilterSections:
    sos = _band_sos(band, rate_hz)
    plain = _round(_plain(sos))
    return FilterSections(
        coefficients=tuple(_coefficients(row) for row in plain),
        gain=float(sos[:, 0].prod()),
        settled=np.asarray(_settled(plain).ravel(), np.float32),
        plain=plain,
        tail=_tail(plain, _TAIL),
    )


def _round(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round to what float32 can hold, so that scipy and the kernels run the same filter."""
    return numbers.astype(np.float32).astype(np.float64)


def _settled(sos: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the state after an endless input of 1, (n_sections, 2)."""
    states, level = [], 1.0
    for b0, b1, b2, _, a1, a2 in sos.tolist():
        out = level * (b0 + b1 + b2) / (1 + a1 + a2)
        second = b2 * level - a2 * out
        states.append((b1 * level - a1 * out + second, second))
        level = out
    return np.array(states)


def _tail(sos: NDArray[np.float64], least: float) -> int:
    """Count samples until the slowest pole has died out to `least`."""
    radius = max(abs(np.roots(row[3:])).max() for row in sos)
    return math.ceil(math.log(least) / math.log(radius))


def _notch_sos(notch: Notch, rate_hz: float) -> NDArray[np.float64]:
    a1, a2 = notch_coefficients(notch.center_hz, notch.width_hz, rate_hz)
    gain = (1 + a2) / 2
    return np.array([[gain, a1, gain, 1, a1, a2]])


def _band_sos(band: BandPass, rate_hz: float) -> NDArray[np.float64]:
    if band.order % 2:
        raise ValueError(f"a band-pass of order {band.order}: choose an even order")
    if band.family == "ellip":
        low_pass = elliptic(band.order, ripple_db=band.ripple_db, attenuation_db=band.attenuation_db)
    else:
        low_pass = butterworth(band.order)
    return band_pass_sections(low_pass, low_hz=band.low_hz, high_hz=band.high_hz, rate_hz=rate_hz)


def _plain(sos: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take the gains out; where half of all zeros are 1 and half -1, give each section one of both."""
    plain = sos[np.argsort(sos[:, 1] / sos[:, 0])]  # what rejects an offset comes first: less is lost to rounding
    plain[:, :3] /= plain[:, :1].copy()
    whole = np.array([1.0])
    for row in plain:
        whole = np.convolve(whole, row[:3])
    if np.allclose(whole, np.poly([1, -1] * len(plain)), atol=_SAME):
        plain[:, :3] = [1, 0, -1]
    elif not np.allclose(plain[:, 2], 1, atol=_SAME):
        raise ValueError("a section's zeros are neither 1 and -1 nor a pair on the unit circle: choose another band")
    return plain


def _coefficients(row: NDArray[np.float64]) -> tuple[float, ...]:
    _, beta, last, _, a1, a2 = row.tolist()
    return (-a1, -a2) if last < 0 else (beta, -a1, -a2)
