"""NSx on disk, one table row per version of the file specification.

Source: Blackrock "NSx file format" 2.1, 2.2, 2.3 and 3.0. All fields are little-endian and packed. 3.0-ptp is 3.0 as
recorders with the Precision Time Protocol write it: nanoseconds, and a data block of its own for every sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DATE_FIELDS = ("year", "month", "weekday", "day", "hour", "minute", "second", "millisecond")
PTP_TICK_HZ = 1_000_000_000
SAMPLE_CLOCK_HZ = 30_000

_BASIC_HEADER_2_1 = np.dtype([("file_id", "S8"), ("label", "S16"), ("period", "<u4"), ("n_channels", "<u4")])
_CHANNEL_HEADER_2_1 = np.dtype([("channel_id", "<u4")])
_BASIC_HEADER = np.dtype(
    [
        ("file_id", "S8"),
        ("major", "u1"),
        ("minor", "u1"),
        ("header_bytes", "<u4"),
        ("label", "S16"),
        ("comment", "S256"),
        ("period", "<u4"),
        ("resolution", "<u4"),
        *((name, "<u2") for name in DATE_FIELDS),
        ("n_channels", "<u4"),
    ]
)
_CHANNEL_HEADER = np.dtype(
    [
        ("tag", "S2"),
        ("channel_id", "<u2"),
        ("label", "S16"),
        ("connector", "u1"),
        ("pin", "u1"),
        ("digital_min", "<i2"),
        ("digital_max", "<i2"),
        ("analog_min", "<i2"),
        ("analog_max", "<i2"),
        ("units", "S16"),
        ("high_pass_mhz", "<u4"),
        ("high_pass_order", "<u4"),
        ("high_pass_type", "<u2"),
        ("low_pass_mhz", "<u4"),
        ("low_pass_order", "<u4"),
        ("low_pass_type", "<u2"),
    ]
)


def period_clock_hz(tick_hz: int) -> int:
    """Return what the header's "period" counts: 1/30000 s, or the ticks of a recorder whose clock is slower than that.

    At 20 kHz no whole number of 1/30000 s lies between two samples; such a file gives 20,000 ticks a second and a
    period of 1, as Blackrock's own Python reader takes them (brpylib: resolution / period).
    """
    return min(tick_hz, SAMPLE_CLOCK_HZ)


def _block_header(timestamp: str) -> np.dtype[np.void]:
    return np.dtype([("flag", "u1"), ("timestamp", timestamp), ("n_samples", "<u4")])


@dataclass(frozen=True)
class NsxLayout:
    """How one version of the specification lays out its headers and its data.

    Attributes
    ----------
    specification
        Our name of the version.
    file_id
        The first eight bytes.
    version
        The two bytes after them; None where the version has none.
    block_header
        What stands before each run of samples; None where all samples follow the headers at once (2.1).
    tick_hz
        The usual clock; a header's own value takes precedence.
    one_sample_a_block
        Whether every sample has a block header of its own (PTP).
    """

    specification: str
    file_id: bytes
    version: tuple[int, int] | None
    basic_header: np.dtype[np.void]
    channel_header: np.dtype[np.void]
    block_header: np.dtype[np.void] | None
    tick_hz: int = SAMPLE_CLOCK_HZ
    one_sample_a_block: bool = False

    @property
    def largest_tick(self) -> int:
        """The largest timestamp that a block header can hold."""
        return 0 if self.block_header is None else int(np.iinfo(self.block_header["timestamp"]).max)

    def packet(self, n_channels: int) -> np.dtype[np.void]:
        """Type a block header with the one sample of each channel that follows it."""
        if self.block_header is None:
            raise ValueError(f"specification {self.specification} has no block headers")
        fields = [(name, self.block_header[name]) for name in self.block_header.names or ()]
        return np.dtype([*fields, ("samples", "<i2", (n_channels,))])


NSX_LAYOUTS = {
    layout.specification: layout
    for layout in (
        NsxLayout("2.1", b"NEURALSG", None, _BASIC_HEADER_2_1, _CHANNEL_HEADER_2_1, None),
        NsxLayout("2.2", b"NEURALCD", (2, 2), _BASIC_HEADER, _CHANNEL_HEADER, _block_header("<u4")),
        NsxLayout("2.3", b"NEURALCD", (2, 3), _BASIC_HEADER, _CHANNEL_HEADER, _block_header("<u4")),
        NsxLayout("3.0", b"BRSMPGRP", (3, 0), _BASIC_HEADER, _CHANNEL_HEADER, _block_header("<u8")),
        NsxLayout(
            "3.0-ptp", b"BRSMPGRP", (3, 0), _BASIC_HEADER, _CHANNEL_HEADER, _block_header("<u8"), PTP_TICK_HZ, True
        ),
    )
}
NSX_FILE_IDS = frozenset(layout.file_id for layout in NSX_LAYOUTS.values())
