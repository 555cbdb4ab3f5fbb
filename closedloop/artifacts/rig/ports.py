"""The ports of a rig in its description. A device has a name in these lists once its port is built."""

from __future__ import annotations

import os
import re
from pathlib import Path
from string import Formatter
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section
from closedloop.artifacts.protocol.numbers import MOST_OF_PATH, Name

Address = Annotated[str, Field(min_length=1, max_length=MOST_OF_PATH)]
"""Where a device is: /dev/parport0, 0x378, /dev/ttyUSB0, COM3."""

GazeSource = Literal["eyelink", "lsl", "mouse", "scripted", "none"]
"""Trackers, what stands for one in a demonstration, and none: passive viewing."""

GazeUnit = Literal["px", "href", "deg", "normalized"]
"""What a tracker's two values are: pixels of the animal's screen from its upper left corner, EyeLink's HREF, degrees
from the fixation point (right and up), or parts of the screen (0 to 1, from its upper left corner)."""

TRACKERS: tuple[GazeSource, ...] = ("eyelink", "lsl")
RewardDevice = Literal["microcontroller", "digital_line", "nidaqmx", "labjack", "none"]
RigCodeTransport = Literal["parallel", "serial", "microcontroller", "comment", "none"]
CodeFraming = Literal["raw", "checked"]
RecorderKind = Literal["blackrock", "by_hand", "none"]
BlackrockDevice = Literal["NSP", "LEGACY_NSP", "HUB1", "HUB2", "HUB3", "NPLAY"]
"""As pycbsdk calls them: a Gemini NSP, a Cerebus NSP with 32-bit time stamps, Gemini hubs, a file that is played."""

DEFAULT_FILE = "{session}_launch-{launch}_part-{part}_{time}"
_FIELDS = {"session", "launch", "part", "time"}
_NOT_IN_FILES = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')  # on Windows, where recorders run


LineName = Annotated[str, Field(min_length=1, max_length=8)]
_LINES = {"digital_line": "D[0-7]", "labjack": "(FIO|EIO|CIO|MIO|DIO)[0-9]{1,2}"}


def is_same_address(one: str | None, other: str | None) -> bool:
    """Return whether two addresses are one device: a link and what it leads to, COM3 and com3, 0x378 and 0x0378.

    Parameters
    ----------
    one, other
        As a rig's description has them; None is none's.
    """
    return one is not None and other is not None and device_at(one) == device_at(other)


def device_at(address: str) -> str | int:
    """Return what is the same for all ways to write a device's address."""
    if address.startswith("/"):
        return os.path.realpath(address)
    try:
        return int(address, 0)
    except ValueError:
        return address.upper()


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
    address: Address | None = Field(
        default=None, description="of EyeLink's computer, or of an LSL stream: its name, or key=value, as type=Gaze"
    )
    eye: Literal["left", "right"] | None = Field(default=None, description="null: the one that is tracked, left of two")
    unit: GazeUnit | None = Field(default=None, description="null: what the tracker says, or px for EyeLink")
    channels: tuple[Name, Name] | None = Field(default=None, description="labels of an LSL stream's x and y")
    reach: Literal["loopback", "network"] = Field(
        default="loopback", description="network: an LSL stream may come from another computer, and its library listens"
    )

    @property
    def values(self) -> str:
        """Which two of a tracker's values are read, in words: those of another eye or unit need a map of their own."""
        channels = " and ".join(self.channels) if self.channels is not None else "null"
        return f"eye {self.eye or 'null'}, unit {self.unit or 'null'}, channels {channels}"

    @model_validator(mode="after")
    def _trackers_have_an_address(self) -> GazePort:
        if self.source in TRACKERS and self.address is None:
            raise ValueError(
                f"expected an address for {self.source}, found none. EyeLink's computer is at 100.1.1.1 unless "
                "somebody changed that; an LSL stream has a name, or type=Gaze"
            )
        return self

    @model_validator(mode="after")
    def _x_is_not_y(self) -> GazePort:
        names = [label.strip().casefold() for label in self.channels or ("x", "y")]
        if len({*names} - {""}) < 2:
            raise ValueError(
                f"channels: expected labels of two channels, x and y, found {', '.join(self.channels or ())!r}. "
                "Correct it"
            )
        return self

    @model_validator(mode="after")
    def _what_belongs_to_a_source(self) -> GazePort:
        belongs = {"eye": ("eyelink",), "unit": TRACKERS, "channels": ("lsl",)}
        for key, sources in belongs.items():
            if getattr(self, key) is not None and self.source not in sources:
                raise ValueError(
                    f"{key}: expected none for {self.source}, found {getattr(self, key)!r}. Set it to null"
                )
        if self.reach == "network" and self.source != "lsl":
            raise ValueError(f"reach: expected loopback for {self.source}, found network. Leave it out")
        if self.source == "eyelink" and self.unit not in (None, "px", "href"):
            raise ValueError(f"unit: expected px or href for eyelink, found {self.unit}. Correct it")
        if self.source == "lsl" and self.unit == "href":
            raise ValueError("unit: expected px, deg or normalized for lsl, found href. Correct it")
        return self


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
    device: BlackrockDevice | None = Field(default=None, description="of Blackrock: whose packets show that it runs")
    file: Annotated[str, Field(min_length=1, max_length=MOST_OF_PATH)] = Field(
        default=DEFAULT_FILE,
        description="what recordings are called, without an ending: {session}, {launch}, {part} and {time} are filled "
        "in; a folder before it is one of the recorder's own computer",
    )
    folder: Path | None = Field(
        default=None, description="where recordings are written, to see that they grow and that the disk has room"
    )
    split_minutes: float | None = Field(
        default=None, ge=1, le=1_440, description="a new file between trials after so many minutes; null: one a launch"
    )
    split_presentations: int | None = Field(
        default=None, ge=1, le=10_000_000, description="a new file between trials after so many presentations"
    )

    @model_validator(mode="after")
    def _blackrock_has_a_device(self) -> RecorderPort:
        if (self.kind == "blackrock") != (self.device is not None):
            wanted, found = ("a device", "none") if self.device is None else ("no device", self.device)
            raise ValueError(
                f"expected {wanted} for recorder {self.kind}, found {found}. "
                f"Set recorder.device to {', '.join(get_args(BlackrockDevice))} for blackrock, to null otherwise"
            )
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> RecorderPort:
        try:
            parts = list(Formatter().parse(self.file))
        except ValueError:
            parts = [("", "{", "", None)]
        fields = {field for _, field, _, _ in parts if field is not None}
        if any(shape or conversion for _, _, shape, conversion in parts):  # {part:9999999} is as long as it says
            fields = {"{"}
        if not fields <= _FIELDS or not {"launch", "part"} <= fields:
            raise ValueError(
                f"expected a name with {{launch}} and {{part}}, and perhaps {{session}} and {{time}}, found "
                f"{self.file!r}: each recording has a name of its own. Start from {DEFAULT_FILE}"
            )
        last = re.split(r"[/\\]", self.file)[-1]
        if not {"{launch}", "{part}"} <= set(re.findall(r"\{\w+\}", last)) or _NOT_IN_FILES.search(last):
            raise ValueError(
                f"file: expected {{launch}} and {{part}} in the name itself, behind any folder, and none of "
                f'< > : " | ? *, found {last!r}. Start from {DEFAULT_FILE}'
            )
        return self

    @model_validator(mode="after")
    def _who_splits(self) -> RecorderPort:
        if self.kind == "none" and (self.split_minutes or self.split_presentations):
            raise ValueError(
                "expected a recorder for split files, found none. Set split_minutes and split_presentations to null"
            )
        return self
