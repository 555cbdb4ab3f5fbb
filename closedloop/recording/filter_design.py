"""A definition's filters, designed by scipy and brought into the form that the kernels run."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from closedloop.recording.spike_definitions import BandPass, Definition, Notch

Coefficients = tuple[float, ...]

_TAIL = 1e-6  # what is left of a band-pass's memory where it is cut off
_NOTCH_TAIL = 1e-4  # and of a notch's: its ringing is damped 100 times more by the band-pass


@dataclass(frozen=True)
class Sections:
    """Biquads one after the other, each with both zeros on the unit circle, without their gains.

    A section computes ``y = x + s1; s1 = beta x - a1 y + s2; s2 = x - a2 y``.

    Attributes
    ----------
    coefficients
        ``beta, -a1, -a2`` of each section.
    gain
        By which the output has to be multiplied.
    settled
        State after an endless input of 1, shape (2 * n_sections,).
    tail
        Samples after which an input is forgotten.
    """

    coefficients: Coefficients
    gain: float
    settled: NDArray[np.float32]
    tail: int

    @property
    def n_sections(self) -> int:
        """How many biquads."""
        return len(self.coefficients) // 3


NO_SECTIONS = Sections((), 1.0, np.zeros(0, np.float32), 0)


@dataclass(frozen=True)
class Filters:
    """What a definition asks for at one rate.

    Attributes
    ----------
    notch, band
        Forwards the notch runs, then the band-pass; a zero-phase band-pass then runs backwards.
    padding
        Samples by which a stretch is continued at either end before a zero-phase filter.
    lead, lookahead
        Samples needed before and after a piece, as far as the stretch has them.
    """

    notch: Sections
    band: Sections
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
    """Refuse a rate that is too low for the band.

    Raises
    ------
    ValueError
        The band does not fit below half the rate.
    """
    low, high = definition.band.low_hz, definition.band.high_hz
    if not 0 < low < high < rate_hz / 2:
        raise ValueError(f"the band {low}-{high} Hz needs more than {2 * high:g} samples a second, not {rate_hz:g}")


def scipy_sections(definition: Definition, rate_hz: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the notch's and the band-pass's second-order sections as scipy has them, (n, 6) each."""
    notch = _notch_sos(definition.notch, rate_hz) if definition.notch else np.zeros((0, 6))
    return notch, _band_sos(definition.band, rate_hz)


def _notch(notch: Notch, rate_hz: float) -> Sections:
    return _sections(_notch_sos(notch, rate_hz), tail=_NOTCH_TAIL)


def _band(band: BandPass, rate_hz: float) -> Sections:
    return _sections(_band_sos(band, rate_hz), tail=_TAIL)


def _notch_sos(notch: Notch, rate_hz: float) -> NDArray[np.float64]:
    b, a = signal.iirnotch(notch.center_hz, notch.center_hz / notch.width_hz, fs=rate_hz)
    return np.asarray(signal.tf2sos(b, a))


def _band_sos(band: BandPass, rate_hz: float) -> NDArray[np.float64]:
    edges = (band.low_hz, band.high_hz)
    if band.family == "ellip":
        ripple, attenuation = band.ripple_db, band.attenuation_db
        sos = signal.ellip(band.order, ripple, attenuation, edges, btype="bandpass", output="sos", fs=rate_hz)
    else:
        sos = signal.butter(band.order, edges, btype="bandpass", output="sos", fs=rate_hz)
    return np.asarray(sos)


def _sections(sos: NDArray[np.float64], *, tail: float) -> Sections:
    plain = sos[np.argsort(sos[:, 1] / sos[:, 0])]  # what rejects an offset comes first: less is lost to rounding
    plain[:, :3] /= plain[:, :1].copy()
    if not np.allclose(plain[:, 2], 1, atol=1e-6):
        raise ValueError(
            "a section's zeros do not lie on the unit circle in pairs; choose a band-pass of an even order"
        )
    radius = max(abs(np.roots(row[3:])).max() for row in plain)
    return Sections(
        coefficients=tuple(float(number) for row in plain for number in (row[1], -row[4], -row[5])),
        gain=float(sos[:, 0].prod()),
        settled=np.asarray(signal.sosfilt_zi(plain).ravel(), np.float32),
        tail=math.ceil(math.log(tail) / math.log(radius)),
    )
