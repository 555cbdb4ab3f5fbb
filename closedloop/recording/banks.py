"""When a recorder gave spikes, for the device and for each of its banks: a connector can come off alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from closedloop.recording.activity import SpikeActivity
from closedloop.recording.spikes import Spikes

ELECTRODES_OF_A_BANK = 32  # of a connector, a headstage and a front end, of all makers alike


def banks_of(electrode_ids: Sequence[int] | NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the bank of each electrode: 1 to 32, 33 to 64 and so on."""
    return np.asarray((np.asarray(electrode_ids, np.int64) - 1) // ELECTRODES_OF_A_BANK)


@dataclass
class BankActivity:
    """When there were spikes on a device, and on each of its banks where it has several.

    Parameters
    ----------
    device
        All of its spikes.
    banks
        Spikes by bank; empty where it has only one.
    """

    device: SpikeActivity
    banks: dict[int, SpikeActivity] = field(default_factory=dict)

    @classmethod
    def of(cls, tick_hz: float, electrode_ids: Sequence[int]) -> BankActivity:
        """Begin with the electrodes of a device."""
        banks = sorted(set(banks_of(electrode_ids).tolist()))
        return cls(SpikeActivity(tick_hz), {bank: SpikeActivity(tick_hz) for bank in banks} if len(banks) > 1 else {})

    def add(self, spikes: Spikes) -> None:
        """Take the next spikes, in order of clock segment and tick."""
        self.device.add(spikes)
        bank = banks_of(spikes.electrode_id) if self.banks else None
        for number, activity in self.banks.items():
            own = bank == number
            activity.add(Spikes(spikes.clock_segment[own], spikes.tick[own], spikes.electrode_id[own]))
