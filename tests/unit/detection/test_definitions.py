"""A definition with single numbers changed says which, and nothing else of it changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from closedloop.detection.definitions import DEFINITIONS, Notch, with_settings
from closedloop.detection.filter_design import design
from closedloop.detection.filtering import Window, filter_window
from closedloop.errors import RecordingError
from closedloop.recording.source import ArraySource
from tests.unit.days import protocol

RATE_HZ = 30_000
LAB = DEFINITIONS["dicarlo"]


@pytest.mark.parametrize(
    ("changes", "name", "expected"),
    [
        ({}, "dicarlo", {}),
        ({"multiple": -3.0, "band_hz": (300.0, 6000.0), "notch": 60}, "dicarlo", {}),
        ({"multiple": -4.5}, "dicarlo, threshold -4.5", {"multiple": -4.5}),
        ({"notch": 50}, "dicarlo, notch 50 Hz", {"notch": Notch(50.0, 10.0)}),
        ({"notch": "none"}, "dicarlo, no notch", {"notch": None}),
        (
            {"band_hz": (500.0, 5000.0)},
            "dicarlo, band 500-5000 Hz",
            {"band": replace(LAB.band, low_hz=500.0, high_hz=5000.0)},
        ),
    ],
)
def test_only_what_is_asked_for_changes(changes: dict[str, Any], name: str, expected: dict[str, Any]) -> None:
    assert with_settings(LAB, **changes) == replace(LAB, name=name, **expected)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"multiple": 3.0}, "expected a multiple of the noise below 0"),
        ({"multiple": float("nan")}, "expected a multiple of the noise below 0"),
        ({"band_hz": (6000.0, 300.0)}, "expected a low and a higher edge in Hz"),
    ],
)
def test_what_is_no_setting_is_refused_in_one_line(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(RecordingError, match=said) as caught:
        with_settings(LAB, **changes)
    assert "\n" not in str(caught.value)


def hum_left(notch: Any, hum_hz: float) -> float:
    """Return how much of a hum is left, in a band that would let it pass."""
    rule = with_settings(DEFINITIONS["causal"], notch=notch)
    band = replace(rule.band, order=2, low_hz=20.0)
    volts = 1000 * np.sin(2 * np.pi * hum_hz * np.arange(3 * RATE_HZ) / RATE_HZ)[:, None]
    source = ArraySource((volts.astype(np.float32),))
    filters = design(replace(rule, band=band), RATE_HZ)
    found = filter_window(Window(source, filters, 0, 2 * RATE_HZ, 3 * RATE_HZ))[0, :, 0] * filters.gain
    return float(np.abs(found).max() / 1000)


@pytest.mark.parametrize("mains_hz", [50, 60])
def test_each_mains_has_a_notch_that_takes_its_hum_and_leaves_the_others(mains_hz: int) -> None:
    assert hum_left(mains_hz, mains_hz) < 0.01
    assert hum_left(110 - mains_hz, mains_hz) > 0.7
    assert hum_left("none", mains_hz) > 0.9


def test_a_protocol_of_before_is_the_same_protocol() -> None:
    """Settings with a default are no part of what a stage's inputs are hashed from."""
    wanted = protocol().recording
    assert (wanted.notch, wanted.count_noise_unit) == ("defined", False)
    assert not {"notch", "count_noise_unit"} & set(wanted.model_dump(exclude_defaults=True))
    assert protocol(recording={"notch": 50}).recording.notch == 50
    assert protocol(recording={"notch": "none"}).recording.notch == "none"
