"""Which recorder a laboratory has: Blackrock's, read by our own lines, or any that neo reads, and how it is wired."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section, validate

_Name = Field(min_length=1)
_MOST_LINE = 65_535


class RawStream(Section):
    """The stream of raw voltage."""

    stream: str | None = Field(
        default=None, min_length=1, description="its name, or the beginning of it; without one, the only fast stream"
    )
    channels: tuple[str, ...] = Field(
        default=("*",), min_length=1, description='names or patterns ("CH*") in the order of the electrodes, from 1'
    )


class UnitNames(Section):
    """The recorder's own spikes."""

    channels: tuple[str, ...] = Field(
        default=("*",), min_length=1, description="units by names or patterns; the first number in a name is its site"
    )


class CodeLines(Section):
    """Where the rig's digital codes are: an event channel, or the channels of a signal stream."""

    events: str | None = Field(default=None, min_length=1, description="an event channel, or the beginning of its name")
    stream: str | None = Field(default=None, min_length=1, description="a signal stream, in place of events")
    channels: tuple[str, ...] = Field(
        default=(), description="of the stream: one channel of words, or a channel for each line, bit 0 first"
    )
    lines: tuple[Annotated[int, Field(le=_MOST_LINE)], ...] = Field(
        default=(), max_length=32, description="lines by the recorder's numbers (bits of words: from 0), bit 0 first"
    )
    strobe: int | None = Field(
        default=None, ge=0, le=_MOST_LINE, description="line whose rising edge says that a code is there"
    )
    settle_ms: float = Field(default=0.05, gt=0, le=10_000, description="how long lines rest before they count")
    inverted: bool = Field(default=False, description="a line that is down is a bit that is set")

    @model_validator(mode="after")
    def _one_place(self) -> CodeLines:
        if self.events is not None and self.stream is not None:
            raise ValueError("expected events or a stream, found both. Leave one out")
        if len({*self.lines, self.strobe}) < len(self.lines) + 1 or any(line < 0 for line in self.lines):
            raise ValueError("expected each line once, the strobe apart, found one twice or below 0. Correct lines")
        if self.stream is not None and len(self.channels) <= 1 and not self.lines:
            raise ValueError("expected the lines that are bits of a code, found none. Give lines, bit 0 first")
        if self.strobe is not None and not self.lines:
            raise ValueError("expected the lines that the strobe is for, found none. Give lines, bit 0 first")
        return self


class PhotodiodeChannel(Section):
    """The photodiode's channel."""

    stream: str = _Name
    channel: str = Field(min_length=1, description="its name, or the beginning of it")


class SyncLine(Section):
    """A line, or an analog channel, that goes up once a pulse."""

    stream: str = _Name
    channel: str = _Name
    line: int | None = Field(
        default=None, ge=0, le=63, description="bit of the channel's words; none: an analog channel"
    )


class SyncPulses(Section):
    """Pulses that both clocks recorded, where codes are on another card than the voltage (SpikeGLX)."""

    raw: SyncLine
    codes: SyncLine


class NeoDevice(Section):
    """One device on one clock: an array or a probe."""

    name: str = Field(default="", description="what messages call it")
    format: str | None = Field(
        default=None, description="neo's name of the format; without one, by the files' suffixes"
    )
    files: str = Field(
        default=".", min_length=1, description='what neo opens: a pattern in the recording\'s folder, "." the folder'
    )
    raw: RawStream | None = None
    spikes: UnitNames | None = None
    codes: CodeLines
    photodiode: PhotodiodeChannel | None = None
    sync: SyncPulses | None = None

    @model_validator(mode="after")
    def _something_to_count(self) -> NeoDevice:
        if self.raw is None and self.spikes is None:
            raise ValueError("expected raw voltage or spikes, found neither. Give raw: {} or spikes: {}")
        if Path(self.files).is_absolute() or ".." in Path(self.files).parts:
            raise ValueError(
                f"files: expected a pattern inside of the recording's folder, found {self.files}. Correct it"
            )
        return self


class RecorderDescription(Section):
    """The laboratory's recorder."""

    maker: Literal["blackrock", "neo"] = Field(
        default="blackrock", description="blackrock: .nev and .ns1 to .ns6; neo: whatever neo reads"
    )
    devices: tuple[NeoDevice, ...] = Field(default=(), description="of a neo recorder, by number from 1")

    @model_validator(mode="after")
    def _devices_of_neo(self) -> RecorderDescription:
        if (self.maker == "neo") != bool(self.devices):
            found = f"{len(self.devices)} of {self.maker}"
            raise ValueError(
                f"devices: expected some of a neo recorder, none of Blackrock's, found {found}. Correct them"
            )
        return self


def read_recorder(path: Path) -> RecorderDescription:
    """Read a recorder's description from YAML.

    Raises
    ------
    DocumentError
        The file is missing, no YAML, has an unknown key, or describes something impossible.
    """
    from closedloop.plain_text.yaml_text import read_yaml  # noqa: PLC0415 - every study has the class, few a file

    plain = read_yaml(
        path,
        missing="expected a recorder's description, found no file. Correct the path.",
        remedy="Start from docs/other_recorders.md.",
    )
    return validate(RecorderDescription, plain, place=str(path))
