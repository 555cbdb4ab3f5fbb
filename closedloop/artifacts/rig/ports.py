"""The ports of a rig in its description. A device has a name in these lists once its port is built."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section
from closedloop.artifacts.protocol.numbers import MOST_OF_PATH

Address = Annotated[str, Field(min_length=1, max_length=MOST_OF_PATH)]
"""Where a device is: /dev/parport0, 0x378, /dev/ttyUSB0, COM3."""

GazeSource = Literal["scripted", "mouse", "none"]
RewardDevice = Literal["microcontroller", "digital_line", "nidaqmx", "labjack", "none"]
RigCodeTransport = Literal["parallel", "serial", "microcontroller", "comment", "none"]
CodeFraming = Literal["raw", "checked"]
RecorderKind = Literal["by_hand", "none"]


LineName = Annotated[str, Field(min_length=1, max_length=8)]
_LINES = {"digital_line": "D[0-7]", "labjack": "(FIO|EIO|CIO|MIO|DIO)[0-9]{1,2}"}


class CodesPort(Section):
    """How digital codes reach the recorder."""

    transport: RigCodeTransport
    address: Address | None = None
    framing: CodeFraming = Field(default="raw", description="of serial codes: one byte each, or frames with a check")

    @model_validator(mode="after")
    def _frames_go_over_a_serial_line(self) -> CodesPort:
        if self.framing == "checked" and self.transport != "serial":
            raise ValueError(
                f"framing: expected raw for transport {self.transport}, found checked. Correct it: serial codes alone "
                "have frames"
            )
        return self

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
    line: LineName | None = Field(
        default=None, description="of a digital_line D0 to D7 (pins 2 to 9), of a labjack such as FIO4; else null"
    )

    @model_validator(mode="after")
    def _devices_have_an_address(self) -> RewardPort:
        if self.device != "none" and self.address is None:
            raise ValueError(f"expected an address for a {self.device}, found none. `rig devices` lists ports")
        return self

    @model_validator(mode="after")
    def _lines_have_a_name(self) -> RewardPort:
        wanted = _LINES.get(self.device, "")
        if re.fullmatch(wanted, self.line or "") is None:
            expected = {"digital_line": "D0 to D7", "labjack": "a line such as FIO4"}.get(self.device, "null")
            raise ValueError(f"line: expected {expected} for {self.device}, found {self.line or 'none'}. Correct it")
        return self


class RecorderPort(Section):
    """Who records, and where its files grow."""

    kind: RecorderKind
    folder: Path | None = Field(default=None, description="where recordings are written, to see that the disk has room")
