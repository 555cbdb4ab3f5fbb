"""The ports of a rig in its description. A device has a name in these lists once its port is built."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section
from closedloop.artifacts.protocol.numbers import MOST_OF_PATH

Address = Annotated[str, Field(min_length=1, max_length=MOST_OF_PATH)]
"""Where a device is: /dev/parport0, 0x378, /dev/ttyUSB0, COM3."""

GazeSource = Literal["scripted", "mouse", "none"]
RewardDevice = Literal["microcontroller", "none"]
RigCodeTransport = Literal["parallel", "serial", "microcontroller", "comment", "none"]
RecorderKind = Literal["by_hand", "none"]


class CodesPort(Section):
    """How digital codes reach the recorder."""

    transport: RigCodeTransport
    address: Address | None = None

    @model_validator(mode="after")
    def _wires_have_an_address(self) -> CodesPort:
        if (self.transport in ("parallel", "serial", "microcontroller")) != (self.address is not None):
            wanted, found = ("an address", "none") if self.address is None else ("no address", repr(self.address))
            raise ValueError(
                f"expected {wanted} for transport {self.transport}, found {found}. `rig devices` lists ports"
            )
        return self


class GazePort(Section):
    """Where the animal looks."""

    source: GazeSource
    address: Address | None = None


class RewardPort(Section):
    """What gives juice."""

    device: RewardDevice
    address: Address | None = None

    @model_validator(mode="after")
    def _devices_have_an_address(self) -> RewardPort:
        if self.device == "microcontroller" and self.address is None:
            raise ValueError("expected an address for a microcontroller, found none. `rig devices` lists ports")
        return self


class RecorderPort(Section):
    """Who records, and where its files grow."""

    kind: RecorderKind
    folder: Path | None = Field(default=None, description="where recordings are written, to see that the disk has room")
