"""What a channel is: a contact of an array, an analog input, or neither.

No header has a field for it. The recorders' labels decide where they are the factory's; a laboratory that names its
channels itself ("V4_001", "left eye") leaves the number, the unit and the range, which together do as well: front ends
are numbered first and measure millivolts, analog inputs come later and measure volts.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

ChannelKind: TypeAlias = Literal["electrode", "analog", "other"]
"""`other`: a stimulation channel, or one whose header gives it no scale."""

LARGEST_ELECTRODE = 5120  # Ripple: electrodes to 5120, stimulation channels to 10240, then analog inputs
LARGEST_STIMULATION = 10_240
_FRONT_END = 128  # the smallest processor's electrodes; no recorder has an analog input among these numbers
_FULL_SCALE_UV = 1e6  # front ends measure up to some 10 mV, analog inputs 5 V
_NEURAL_RANGE = (-32_764, 32_764, -8191, 8191)  # the recorder's own, whatever unit stands beside it
_ANALOG_RANGE = (-32_767, 32_767, -5000, 5000)

_ELECTRODE_LABEL = re.compile(r"(elec|chan)\W*\d+", re.IGNORECASE)
_ANALOG_LABEL = re.compile(r"ainp|anal|audio", re.IGNORECASE)
_ANALOG_WORD = re.compile(r"photo|diode|eye|pupil|joystick|reward|lick|trig|ttl|sync|speaker|microphone", re.IGNORECASE)

_MICRO = str.maketrans({"\N{MICRO SIGN}": "u", "\N{GREEK SMALL LETTER MU}": "u"})
_UV_IN = {"nv": 1e-3, "uv": 1.0, "mv": 1e3, "v": 1e6}


def uv_in(units: str) -> float | None:
    """Return how many uV a unit is ("uV", "mV", "V", with a micro sign or a Greek letter), None where it is no voltage.

    Examples
    --------
    >>> from closedloop.blackrock.channel_kinds import uv_in
    >>> uv_in("mV"), uv_in("µV"), uv_in("deg")
    (1000.0, 1.0, None)
    """
    return _UV_IN.get(units.strip().translate(_MICRO).lower())


def is_of_a_front_end(units: str, analog_range: tuple[int, int]) -> bool:
    """Return whether a range in a unit of voltage is such as front ends have: less than a volt.

    Examples
    --------
    >>> from closedloop.blackrock.channel_kinds import is_of_a_front_end
    >>> is_of_a_front_end("mV", (-8, 8)), is_of_a_front_end("mV", (-5000, 5000))
    (True, False)
    """
    factor = uv_in(units)
    return factor is not None and max(map(abs, analog_range)) * factor < _FULL_SCALE_UV


def is_contact(channel_id: int, label: str) -> bool:
    """Return whether a channel of which no more is known than its number and label is a contact of an array."""
    return 1 <= channel_id <= LARGEST_ELECTRODE and not _ANALOG_LABEL.match(label)


def kind_by(
    channel_id: int, label: str, units: str, *, digital_range: tuple[int, int], analog_range: tuple[int, int]
) -> ChannelKind:
    """Judge a channel by its header.

    Parameters
    ----------
    channel_id, label, units
        As in the file.
    digital_range, analog_range
        Least and largest value in bits and in `units`.
    """
    if digital_range[0] >= digital_range[1] or LARGEST_ELECTRODE < channel_id <= LARGEST_STIMULATION:
        return "other"
    if channel_id > LARGEST_STIMULATION or _ANALOG_LABEL.match(label):
        return "analog"
    if _ELECTRODE_LABEL.fullmatch(label):
        return "electrode"
    if is_of_a_front_end(units, analog_range):
        return "electrode"
    ranges = (*digital_range, *analog_range)
    if ranges == _ANALOG_RANGE or _ANALOG_WORD.search(label):
        return "analog"
    return "electrode" if channel_id <= _FRONT_END or ranges == _NEURAL_RANGE else "analog"
