"""Recursive filters designed without scipy, whose import takes longer than many a detection.

The same poles, zeros and pairs of both as `scipy.signal.butter`, `ellip`, `iirnotch` and `zpk2sos` give, to some parts
in 1e12, in even orders; the tests compare them over rates and bands. Elliptic functions by Landen's transformation,
after S. J. Orfanidis, "Lecture Notes on Elliptic Filter Design" (2006), which is scipy's source too.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_SMALLEST_MODULUS = 1e-18  # of an elliptic function that is a sine or cosine to the last bit
_REAL = 1e-13  # share of its size below which an imaginary part is rounding

Complex = NDArray[np.complex128]


class Zpk(NamedTuple):
    """Zeros, poles and gain of a filter."""

    zeros: Complex
    poles: Complex
    gain: float


def notch_coefficients(center_hz: float, width_hz: float, rate_hz: float) -> tuple[float, float]:
    """Return ``a1, a2`` of a second-order notch, as `scipy.signal.iirnotch` (Orfanidis 1996, eqs. 11.3.4 to 11.3.21).

    Parameters
    ----------
    center_hz, width_hz
        Frequency that is taken out, and the width at -3 dB.
    rate_hz
        Samples per second.
    """
    center = 2 * center_hz / rate_hz
    width = center / (center_hz / width_hz)
    gain = 1 / (1 + math.tan(width * math.pi / 2))
    return -2 * gain * math.cos(center * math.pi), 2 * gain - 1


def butterworth(order: int) -> Zpk:
    """Design the analog low-pass of an even order with its edge at 1."""
    return Zpk(np.zeros(0, complex), -np.exp(1j * np.pi * np.arange(1 - order, order, 2) / (2 * order)), 1.0)


def elliptic(order: int, *, ripple_db: float, attenuation_db: float) -> Zpk:
    """Design the analog low-pass of an even order whose pass-band ends at 1.

    Parameters
    ----------
    order
        Even.
    ripple_db, attenuation_db
        Of the pass-band, and least one of the stop-band.
    """
    ripple = math.sqrt(math.expm1(0.1 * ripple_db * math.log(10)))
    stop = math.sqrt(math.expm1(0.1 * attenuation_db * math.log(10)))
    k1 = ripple / stop
    k1_moduli = _landen(k1, math.sqrt((1 - k1) * (1 + k1)))
    places = (2 * np.arange(1, order // 2 + 1) - 1) / order
    k = _modulus_of_degree(order, k1)
    moduli = _landen(*k)
    depth = -1j * _inverse_sn(1j / ripple, k1, k1_moduli) / order
    zeros = 1j / (k[0] * _cd(places, moduli))
    poles = 1j * _cd(places - 1j * depth, moduli)
    zeros, poles = (np.concatenate([half, half.conj()]) for half in (zeros, poles))
    gain = float((np.prod(-poles) / np.prod(-zeros)).real) / math.sqrt(1 + ripple**2)
    return Zpk(zeros, poles, gain)


def _landen(k: float, complement: float) -> list[float]:
    """Return the descending sequence of moduli below k; `complement` is sqrt(1 - k^2), given for its precision."""
    moduli = []
    while k > _SMALLEST_MODULUS:
        k, complement = (k / (1 + complement)) ** 2, 2 * math.sqrt(complement) / (1 + complement)
        moduli.append(k)
    return moduli


def _cd(u: Any, moduli: list[float]) -> Any:
    """Return cd(u K, k)."""
    return _ascend(np.cos(np.asarray(u) * np.pi / 2), moduli)


def _sn(u: Any, moduli: list[float]) -> Any:
    """Return sn(u K, k)."""
    return _ascend(np.sin(np.asarray(u) * np.pi / 2), moduli)


def _ascend(w: Any, moduli: list[float]) -> Any:
    for v in reversed(moduli):
        w = (1 + v) * w / (1 + v * w**2)
    return w


def _inverse_sn(w: complex, k: float, moduli: list[float]) -> complex:
    """Return u of sn(u K, k) = w."""
    for before, v in zip([k, *moduli], moduli, strict=False):
        w = 2 * w / ((1 + v) * (1 + np.sqrt(1 - (w * before) ** 2)))
    return complex(2 / np.pi * np.arcsin(w))


def _modulus_of_degree(order: int, k1: float) -> tuple[float, float]:
    """Solve the degree equation for the modulus k, and sqrt(1 - k^2)."""
    complement = math.sqrt((1 - k1) * (1 + k1))
    places = (2 * np.arange(1, order // 2 + 1) - 1) / order
    factor = float(np.prod(_sn(places, _landen(complement, k1))))
    found = complement**order * factor**4
    return math.sqrt((1 - found) * (1 + found)), found


def band_pass_sections(low_pass: Zpk, *, low_hz: float, high_hz: float, rate_hz: float) -> NDArray[np.float64]:
    """Turn an analog low-pass into a digital band-pass in second-order sections, (n, 6), its gain in the first.

    Parameters
    ----------
    low_pass
        With its edge at 1.
    low_hz, high_hz, rate_hz
        Edges of the band, and samples per second.
    """
    edges = 4 * np.tan(np.pi * np.array([2 * low_hz / rate_hz, 2 * high_hz / rate_hz]) / 2)
    width, centre = edges[1] - edges[0], math.sqrt(edges[0] * edges[1])
    degree = len(low_pass.poles) - len(low_pass.zeros)
    zeros = np.concatenate([_to_band(low_pass.zeros, width, centre), np.zeros(degree)])
    poles = _to_band(low_pass.poles, width, centre)
    gain = low_pass.gain * width**degree
    gain *= float((np.prod(4 - zeros) / np.prod(4 - poles)).real)
    digital = Zpk(np.append((4 + zeros) / (4 - zeros), np.full(degree, -1)), (4 + poles) / (4 - poles), gain)
    return _sections(digital)


def _to_band(roots: Complex, width: float, centre: float) -> Complex:
    scaled = roots * width / 2
    apart = np.sqrt(scaled**2 - centre**2)
    return np.concatenate([scaled + apart, scaled - apart])


def _sections(filter_: Zpk) -> NDArray[np.float64]:
    """Pair poles with the nearest zeros, the poles nearest to the unit circle in the last section (scipy's rule)."""
    zeros, poles = _upper_half(filter_.zeros), _upper_half(filter_.poles)
    rows: list[NDArray[np.float64]] = []
    while len(poles):
        worst = int(np.argmin(np.abs(1 - np.abs(poles))))
        pole, poles = poles[worst], np.delete(poles, worst)
        zero, zeros = _take_nearest(zeros, pole)
        pair = (zero, zero.conjugate())
        if zero.imag == 0:
            second, zeros = _take_nearest(zeros, pole, real=True)
            pair = (zero, second)
        rows.append(np.concatenate([np.poly(pair).real, np.poly([pole, pole.conjugate()]).real]))
    sections = np.array(rows[::-1])
    sections[0, :3] *= filter_.gain
    return sections


def _upper_half(roots: Complex) -> Complex:
    """Return one of each conjugate pair and the real roots, sorted as scipy does: ties are decided by order."""
    is_real = np.abs(roots.imag) <= _REAL * np.abs(roots)
    above = roots[~is_real & (roots.imag > 0)]
    above = above[np.lexsort((np.abs(above.imag), above.real))]
    return np.concatenate([above, np.sort(roots[is_real].real)])


def _take_nearest(roots: Complex, to: complex, *, real: bool = False) -> tuple[complex, Complex]:
    distance = np.abs(roots - to)
    place = int(np.argmin(np.where(roots.imag == 0, distance, np.inf) if real else distance))
    return complex(roots[place]), np.delete(roots, place)
