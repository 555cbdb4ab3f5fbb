"""NSx on disk, one table row per version of the file specification.

Source: Blackrock "NSx file format" 2.2, 2.3 and 3.0. All fields are little-endian and packed. 2.1 (no blocks, no
scale) and the 3.0 PTP variant (one packet a sample, nanoseconds) are not in the table.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DATE_FIELDS = ("year", "month", "weekday", "day", "hour", "minute", "second", "millisecond")
PTP_RESOLUTION = 1_000_000_000  # a tick of 1 ns marks the Precision Time Protocol variant of 3.0
PERIOD_CLOCK_HZ = 30_000  # the header's "period" counts 1/30000 s in every version

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


def _block_header(timestamp: str) -> np.dtype[np.void]:
    return np.dtype([("flag", "u1"), ("timestamp", timestamp), ("n_samples", "<u4")])


@dataclass(frozen=True)
class NsxLayout:
    """How one version of the specification lays out its headers and data blocks."""

    specification: str
    file_id: bytes
    basic_header: np.dtype[np.void]
    channel_header: np.dtype[np.void]
    block_header: np.dtype[np.void]

    @property
    def largest_tick(self) -> int:
        """The largest timestamp that a block header can hold."""
        return int(np.iinfo(self.block_header["timestamp"]).max)


NSX_LAYOUTS = {
    layout.specification: layout
    for layout in (
        NsxLayout("2.2", b"NEURALCD", _BASIC_HEADER, _CHANNEL_HEADER, _block_header("<u4")),
        NsxLayout("2.3", b"NEURALCD", _BASIC_HEADER, _CHANNEL_HEADER, _block_header("<u4")),
        NsxLayout("3.0", b"BRSMPGRP", _BASIC_HEADER, _CHANNEL_HEADER, _block_header("<u8")),
    )
}
NSX_FILE_IDS = frozenset({b"NEURALSG", *(layout.file_id for layout in NSX_LAYOUTS.values())})
