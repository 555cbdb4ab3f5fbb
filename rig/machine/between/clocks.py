"""What the clocks of the devices say against the rig's, in the journal: at the launch, now and then, at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from closedloop.artifacts.day.journal_rows import ClockCompared
from rig.machine.apparatus import Devices
from rig.machine.device_faults import device_fault
from rig.machine.notebook import Notebook
from rig.ports.timed import Timed

EVERY_S: Final = 60.0
"""Crystals drift by some ppm: a minute's difference is far below what one reading can tell."""


class ClockLog:
    """Compares clocks between trials, never while an image may be up.

    Parameters
    ----------
    ports
        Whose devices have clocks.
    notebook
        Where readings go.
    devices
        Keeps failures.
    every_s
        Least time between two readings of one clock.
    """

    def __init__(
        self, ports: Sequence[Timed], *, notebook: Notebook, devices: Devices, every_s: float = EVERY_S
    ) -> None:
        self._ports, self._notebook, self._devices, self._every_s = ports, notebook, devices, every_s
        self._next_s = -float("inf")

    def compare_if_due(self) -> None:
        """Read each clock, if the last time was long enough ago."""
        if self._ports and self._notebook.now_s() >= self._next_s:
            self.compare()

    def compare(self) -> None:
        """Read each clock now; what fails is a failure of its device."""
        if not self._ports:
            return
        self._next_s = self._notebook.now_s() + self._every_s
        for port in self._ports:
            try:
                found = port.clock()
            except Exception as error:  # noqa: BLE001 - whatever a driver raises
                self._devices.note(device_fault("clock", error))
                continue
            if found is not None:
                self._notebook.write(
                    ClockCompared(
                        device=found.device,
                        rig_s=found.rig_s,
                        device_s=found.device_s,
                        uncertainty_s=found.uncertainty_s,
                        time_s=self._notebook.now_s(),
                    )
                )
