"""Whether the recorder's threshold crossings are those of the voltage beside them, or of another array or day."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from closedloop.artifacts.day.quality import RawAgreement
from closedloop.devices.device import Device
from closedloop.errors import RecordingError

_FEWEST = 100  # crossings on either side, so that chance is well away from the worst definition
_OF_CHANCE = 2.0  # another recording agrees as chance does; the poorest threshold on the same voltage, ten times better


def check_agreement(agreement: Sequence[RawAgreement], devices: Sequence[Device], *, folder: Path) -> None:
    """Refuse a device whose crossings in the NEV and in the voltage coincide no more often than by chance.

    Parameters
    ----------
    agreement
        Electrode by electrode, of all devices.
    devices
        What was recorded.
    folder
        Of the recording, for messages.

    Raises
    ------
    RecordingError
        The files are not of one recording.
    """
    for device in devices:
        own = [row for row in agreement if row.processor == device.processor]
        n_nev, n_offline = sum(row.n_nev for row in own), sum(row.n_offline for row in own)
        if min(n_nev, n_offline) < _FEWEST or not device.duration_s:
            continue
        found = sum((row.recall or 0.0) * row.n_nev for row in own)
        by_chance = sum(_by_chance(row, device.duration_s) for row in own)
        if found <= _OF_CHANCE * by_chance:
            raise RecordingError(
                f"{folder / device.name}: expected threshold crossings of the .nev in the voltage beside it, "
                f"found {found:.0f} of {n_nev} there, {by_chance:.0f} by chance. "
                "Bring the .nev and the .nsx of one recording."
            )


def _by_chance(row: RawAgreement, duration_s: float) -> float:
    """Return how many of the NEV's crossings have one in the voltage within the tolerance, were both at random."""
    return row.n_nev * -math.expm1(-2 * row.tolerance_ms / 1000 * row.n_offline / duration_s)
