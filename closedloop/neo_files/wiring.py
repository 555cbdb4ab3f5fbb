"""How a device of another maker is wired: which stream is raw voltage, where digital codes and the photodiode are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RawWiring:
    """The stream of raw voltage; None: the only fast one with electrodes.

    `channels` are names, or patterns such as "CH*", in the order of the electrodes: the first one is electrode 1.
    """

    stream: str | None = None
    channels: tuple[str, ...] = ("*",)


@dataclass(frozen=True)
class SpikeWiring:
    """Which of the recorder's units are counted, by names or patterns; the first number in a name is the electrode."""

    channels: tuple[str, ...] = ("*",)


@dataclass(frozen=True)
class LineWiring:
    """A digital line of a stream's word, or an analog channel (`line` None), that goes up once a pulse."""

    stream: str
    channel: str
    line: int | None = None


@dataclass(frozen=True)
class CodeWiring:
    """Where the rig's digital codes are.

    Attributes
    ----------
    events
        An event channel: of single lines that go up and down (`lines` given), or of whole codes.
    stream, channels
        A signal stream instead: one channel of words whose bits are the lines, or a channel for each line.
    lines
        The lines by the recorder's own numbers, bit 0 of a code first. Of words, bits count from 0.
    strobe
        The line whose rising edge says that a code is there; None: a code is there when the lines have come to rest.
    settle_ms
        How long lines must rest before they count. Longer than the lines differ among each other, shorter than the rig
        holds a code (.1 ms).
    inverted
        Whether a line that is down is a bit that is set.
    """

    events: str | None = None
    stream: str | None = None
    channels: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()
    strobe: int | None = None
    settle_ms: float = 0.05
    inverted: bool = False


@dataclass(frozen=True)
class PhotodiodeWiring:
    """The channel of the photodiode: its stream, and its name or the beginning of it."""

    stream: str
    channel: str


@dataclass(frozen=True)
class SyncWiring:
    """The pulses that put the clock of the codes' card onto that of the raw voltage."""

    raw: LineWiring
    codes: LineWiring


@dataclass(frozen=True)
class NeoWiring:
    """One device: an array, or several, on one clock.

    Attributes
    ----------
    name
        What messages call it; empty: by its format.
    format
        neo's name of the reader, such as "OpenEphysBinary" or "SpikeGLX"; None: by the files' own suffixes.
    files
        What neo opens, a pattern inside of the recording's folder ("." is the folder itself). Several matches are
        recordings one after the other, by the numbers and letters of their names.
    raw, spikes, codes, photodiode, sync
        What is where; None where there is none.
    """

    name: str = ""
    format: str | None = None
    files: str = "."
    raw: RawWiring | None = None
    spikes: SpikeWiring | None = None
    codes: CodeWiring | None = None
    photodiode: PhotodiodeWiring | None = None
    sync: SyncWiring | None = None
