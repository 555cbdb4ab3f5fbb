"""NEV on disk, one table row per version of the file specification.

Source: Blackrock "NEV file format" 2.3 and 3.0. All fields are little-endian and packed; every packet of a file has
the same size, the timestamp's plus 4 bytes plus the spike waveform.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closedloop.recording.nsx_layout import DATE_FIELDS

DIGITAL_PACKET = 0
COMMENT_PACKET = 65535
LARGEST_ELECTRODE = 2048  # spike packets carry ids 1 to 2048; 2049 to 65528 are reserved, above are system packets
FIRST_SYSTEM_PACKET = 32768
PARALLEL, SERIAL = 1, 129  # a digital packet's reason
WAVEFORMS_ARE_INT16 = 1  # bit 0 of the basic header's flags

_BASIC_HEADER = np.dtype(
    [
        ("file_id", "S8"),
        ("major", "u1"),
        ("minor", "u1"),
        ("flags", "<u2"),
        ("header_bytes", "<u4"),
        ("packet_bytes", "<u4"),
        ("resolution", "<u4"),
        ("sample_resolution", "<u4"),
        *((name, "<u2") for name in DATE_FIELDS),
        ("application", "S32"),
        ("comment", "S256"),
        ("n_extended", "<u4"),
    ]
)
EXTENDED_HEADER = np.dtype([("tag", "S8"), ("payload", "V24")])
WAVEFORM_HEADER = np.dtype(
    [
        ("tag", "S8"),
        ("electrode_id", "<u2"),
        ("connector", "u1"),
        ("pin", "u1"),
        ("nv_per_bit", "<u2"),
        ("energy_threshold", "<u2"),
        ("high_threshold", "<i2"),
        ("low_threshold", "<i2"),
        ("n_units", "u1"),
        ("bytes_per_sample", "u1"),
        ("width", "<u2"),
        ("unused", "V8"),
    ]
)
LABEL_HEADER = np.dtype([("tag", "S8"), ("electrode_id", "<u2"), ("label", "S16"), ("unused", "V6")])
FILTER_HEADER = np.dtype(
    [
        ("tag", "S8"),
        ("electrode_id", "<u2"),
        ("high_pass_mhz", "<u4"),
        ("high_pass_order", "<u4"),
        ("high_pass_type", "<u2"),
        ("low_pass_mhz", "<u4"),
        ("low_pass_order", "<u4"),
        ("low_pass_type", "<u2"),
        ("unused", "V2"),
    ]
)
DIGITAL_LABEL_HEADER = np.dtype([("tag", "S8"), ("label", "S16"), ("mode", "u1"), ("unused", "V7")])


@dataclass(frozen=True)
class NevLayout:
    """How one version of the specification lays out its header and packets."""

    specification: str
    file_id: bytes
    timestamp: np.dtype[np.unsignedinteger]
    basic_header: np.dtype[np.void] = _BASIC_HEADER

    @property
    def largest_tick(self) -> int:
        """The largest timestamp that a packet can hold."""
        return int(np.iinfo(self.timestamp).max)

    def packet_bytes(self, width: int) -> int:
        """Size of a packet whose spike waveform has `width` int16 samples."""
        return self.timestamp.itemsize + 4 + 2 * width

    def any_packet(self, packet_bytes: int) -> np.dtype[np.void]:
        """Fields that every packet has."""
        return self._padded(np.dtype([("tick", self.timestamp), ("kind", "<u2")]), packet_bytes)

    def spike_packet(self, packet_bytes: int) -> np.dtype[np.void]:
        """Layout of a spike: channel, unit and waveform."""
        width = (packet_bytes - self.timestamp.itemsize - 4) // 2
        fields = [("tick", self.timestamp), ("kind", "<u2"), ("unit", "u1"), ("unused", "u1")]
        return self._padded(np.dtype([*fields, ("waveform", "<i2", (width,))]), packet_bytes)

    def digital_packet(self, packet_bytes: int) -> np.dtype[np.void]:
        """Layout of a digital event: why it was inserted, and the 16-bit value."""
        fields = [("tick", self.timestamp), ("kind", "<u2"), ("reason", "u1"), ("unused", "u1"), ("value", "<u2")]
        return self._padded(np.dtype(fields), packet_bytes)

    def comment_packet(self, packet_bytes: int) -> np.dtype[np.void]:
        """Layout of a comment: character set, flag, colour and text."""
        text = f"S{packet_bytes - self.timestamp.itemsize - 8}"
        fields = [("tick", self.timestamp), ("kind", "<u2"), ("charset", "u1"), ("flag", "u1"), ("color", "<u4")]
        return self._padded(np.dtype([*fields, ("text", text)]), packet_bytes)

    @staticmethod
    def _padded(fields: np.dtype[np.void], packet_bytes: int) -> np.dtype[np.void]:
        """Fill up a packet's fields to the size that all packets of the file have."""
        return np.dtype(
            [(name, fields[name]) for name in fields.names or ()] + [("padding", f"V{packet_bytes - fields.itemsize}")]
        )


NEV_LAYOUTS = {
    layout.specification: layout
    for layout in (
        NevLayout("2.3", b"NEURALEV", np.dtype("<u4")),
        NevLayout("3.0", b"BREVENTS", np.dtype("<u8")),
    )
}
NEV_FILE_IDS = frozenset(layout.file_id for layout in NEV_LAYOUTS.values())
