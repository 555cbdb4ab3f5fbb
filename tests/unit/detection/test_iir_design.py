"""Filters designed here against scipy's: the same to the last bit that the kernels hold."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy import signal

from closedloop.detection.definitions import BandPass, Definition, Notch
from closedloop.detection.filter_design import design, scipy_sections
from closedloop.detection.iir_design import butterworth, elliptic, notch_coefficients
from tests.unit.detection.test_detection import SHORT

RATES_HZ = (10_000, 15_000, 20_000, 24_414.0625, 25_000, 30_000, 40_000)
BANDS_HZ = tuple(product((150, 250, 300, 500, 1000), (3000, 4900, 6000, 7500)))


def of_scipy(band: BandPass, rate_hz: float) -> np.ndarray:
    edges = (band.low_hz, band.high_hz)
    if band.family == "butter":
        return np.asarray(signal.butter(band.order, edges, btype="bandpass", output="sos", fs=rate_hz))
    ripple = (band.ripple_db, band.attenuation_db)
    return np.asarray(signal.ellip(band.order, *ripple, edges, btype="bandpass", output="sos", fs=rate_hz))


@pytest.mark.parametrize(("family", "order"), [("butter", 2), ("butter", 4), ("ellip", 2), ("ellip", 4)])
def test_band_passes_are_scipys_to_the_bit_of_the_kernels(family: str, order: int) -> None:
    n_compared = 0
    for rate_hz, (low, high) in product(RATES_HZ, BANDS_HZ):
        if high >= rate_hz / 2:
            continue
        band = BandPass(family, order, low, high, zero_phase=True, ripple_db=0.1, attenuation_db=40)  # type: ignore[arg-type]
        theirs = of_scipy(band, rate_hz)
        ours = scipy_sections(_with(band), rate_hz)[1]
        np.testing.assert_allclose(ours[:, 3:], theirs[:, 3:], rtol=0, atol=5e-12)
        np.testing.assert_array_equal(ours[:, 3:].astype(np.float32), theirs[:, 3:].astype(np.float32))
        np.testing.assert_allclose(ours[1:, :3], theirs[1:, :3], rtol=0, atol=1e-9)
        assert ours[0, 0] == pytest.approx(theirs[0, 0], rel=1e-11)
        n_compared += 1
    assert n_compared > 100


def _with(band: BandPass) -> Definition:
    return replace(SHORT["dicarlo"], notch=None, band=band)


@pytest.mark.parametrize("center_hz", [50.0, 60.0])
def test_notches_are_scipys(center_hz: float) -> None:
    for rate_hz in RATES_HZ[1:]:
        _, a = signal.iirnotch(center_hz, center_hz / 10, fs=rate_hz)
        ours = np.array(notch_coefficients(center_hz, 10.0, rate_hz))
        np.testing.assert_allclose(ours, a[1:], rtol=0, atol=1e-15)
        (row,), _ = scipy_sections(_notched(center_hz), rate_hz)
        np.testing.assert_allclose(row, signal.tf2sos(*signal.iirnotch(center_hz, center_hz / 10, fs=rate_hz))[0])


def _notched(center_hz: float) -> Definition:
    return replace(SHORT["dicarlo"], notch=Notch(center_hz, 10.0))


def test_prototypes_are_scipys() -> None:
    for ours, theirs in (
        (butterworth(4), signal.buttap(4)),
        (elliptic(2, ripple_db=0.1, attenuation_db=40), signal.ellipap(2, 0.1, 40)),
        (elliptic(6, ripple_db=1, attenuation_db=70), signal.ellipap(6, 1, 70)),
    ):
        for mine, other in zip(ours[:2], theirs[:2], strict=True):
            np.testing.assert_allclose(
                np.sort_complex(mine), np.sort_complex(np.asarray(other)), rtol=1e-11, atol=1e-12
            )
        assert ours.gain == pytest.approx(float(theirs[2]), rel=1e-11)


@pytest.mark.parametrize("name", sorted(SHORT))
def test_running_sections_by_hand_is_scipys_sosfilt(name: str) -> None:
    band = design(SHORT[name], 30_000.0).band
    rows = np.random.default_rng(2).normal(200, 40, (40, 5))
    state = signal.sosfilt_zi(band.plain)[:, :, None] * rows[0]
    np.testing.assert_allclose(band.state_after(rows[0]), state, rtol=1e-9, atol=1e-9)
    expected, expected_state = signal.sosfilt(band.plain, rows, axis=0, zi=state)
    found, found_state = band.run(rows, state)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found_state, expected_state, rtol=0, atol=1e-12)


def test_detection_knows_nothing_of_scipy() -> None:
    program = "import sys, closedloop.commands.recording_files.detect; print('scipy.signal' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"
