"""NEV on disk, one table row per version of the file specification.

Source: Blackrock "NEV file format" 2.1, 2.2, 2.3 and 3.0; 3.0-ptp is 3.0 as recorders with the Precision Time Protocol
write it, in nanoseconds. All fields are little-endian and packed; every packet of a
file has the same size, the timestamp's plus 4 bytes plus the widest spike waveform.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closedloop.blackrock.nsx.layout import DATE_FIELDS, PTP_TICK_HZ, SAMPLE_CLOCK_HZ

DIGITAL_PACKET = 0
LARGEST_CHANNEL = 32767  # packet ids 1 to 32767 name channels, from 32768 on they are the system's
NOISE_UNIT = 255  # a spike packet's unit: 0 unsorted, 1 and more sorted, 255 what the sorting took for noise
RECORDING_PACKET = 65529  # 3.0: recording started, stopped, paused or resumed
COMMENT_PACKET = 65535
WAVEFORMS_ARE_INT16 = 1  # bit 0 of the basic header's flags; without it each electrode's header has the width

# A digital packet's reason, "packet insertion reason": which input changed.
DIGITAL_CHANGED = 1 << 0
ANALOG_SAMPLED = 0b0111_1110  # bits 1 to 5: analog input 1 to 5, bit 6: the periodic sampling (2.1 and 2.2)
SERIAL = 1 << 7
PARALLEL_REASON, SERIAL_REASON = 1, 129

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
        ("width", "<u2"),  # from 2.2 on; zero in 2.1, where the packet's size gives it
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
    """How one version of the specification lays out its header and packets.

    Attributes
    ----------
    specification
        The version.
    file_id
        The first eight bytes.
    timestamp
        Type of a packet's tick.
    has_labels
        Whether electrodes have label and filter headers (NEUEVLBL, NEUEVFLT; from 2.2 on), and spike widths.
    n_analog_inputs
        Analog values in a digital packet, in mV (2.1 and 2.2).
    tick_hz
        The usual clock; a header's own value takes precedence.
    """

    specification: str
    file_id: bytes
    timestamp: np.dtype[np.unsignedinteger]
    has_labels: bool = True
    n_analog_inputs: int = 0
    tick_hz: int = SAMPLE_CLOCK_HZ
    basic_header: np.dtype[np.void] = _BASIC_HEADER

    @property
    def version(self) -> tuple[int, int]:
        """The two bytes after the file's id."""
        major, minor = self.specification.removesuffix("-ptp").split(".")
        return int(major), int(minor)

    @property
    def largest_tick(self) -> int:
        """The largest timestamp that a packet can hold, and we (int64)."""
        return min(int(np.iinfo(self.timestamp).max), int(np.iinfo(np.int64).max))

    @property
    def smallest_packet(self) -> int:
        """Bytes that a comment needs before its text; no packet is smaller."""
        return self.timestamp.itemsize + 8

    def packet_bytes(self, waveform_bytes: int) -> int:
        """Size of packets that have room for this waveform and the digital inputs, a multiple of four."""
        room = max(4 + waveform_bytes, 6 + 2 * self.n_analog_inputs, 8)
        return self.timestamp.itemsize + room + -room % 4

    def packet_head(self, packet_bytes: int) -> np.dtype[np.void]:
        """Return the fields that show what a packet of any kind is.

        ``detail`` is a spike's unit or a digital packet's reason (low byte), or a recording event's reason; ``value`` a
        digital packet's code.
        """
        at = self.timestamp.itemsize
        return np.dtype(
            {
                "names": ["tick", "kind", "detail", "value"],
                "formats": [self.timestamp, "<u2", "<u2", "<u2"],
                "offsets": [0, at, at + 2, at + 4],
                "itemsize": packet_bytes,
            }
        )

    def spike_packet(self, packet_bytes: int) -> np.dtype[np.void]:
        """Layout of a spike: electrode, unit and waveform (bytes; the electrode's header has their type)."""
        waveform = f"V{packet_bytes - self.timestamp.itemsize - 4}"
        return self._packet([("unit", "u1"), ("unused", "u1"), ("waveform", waveform)], packet_bytes)

    def digital_packet(self, packet_bytes: int) -> np.dtype[np.void]:
        """Layout of a digital event: why it was inserted, the 16-bit value, and analog inputs (2.1, 2.2)."""
        fields = [("reason", "u1"), ("unused", "u1"), ("value", "<u2")]
        return self._packet([*fields, *((f"analog_{i + 1}", "<i2") for i in range(self.n_analog_inputs))], packet_bytes)

    def comment_packet(self, packet_bytes: int) -> np.dtype[np.void]:
        """Layout of a comment: character set, flag, colour and text."""
        text = f"V{packet_bytes - self.timestamp.itemsize - 8}"
        return self._packet([("charset", "u1"), ("flag", "u1"), ("color", "<u4"), ("text", text)], packet_bytes)

    def system_packet(self, packet_bytes: int) -> np.dtype[np.void]:
        """Layout of any other packet; a recording event's ``reason`` is its first field."""
        return self._packet([("reason", "<u2")], packet_bytes)

    def _packet(self, fields: list[tuple[str, str]], packet_bytes: int) -> np.dtype[np.void]:
        """Return a packet's fields: tick and kind, its own, and padding up to the size that all packets have."""
        own = np.dtype([("tick", self.timestamp), ("kind", "<u2"), *fields])
        padding = ("padding", f"V{packet_bytes - own.itemsize}")
        return np.dtype([*((name, own[name]) for name in own.names or ()), padding])


NEV_LAYOUTS = {
    layout.specification: layout
    for layout in (
        NevLayout("2.1", b"NEURALEV", np.dtype("<u4"), has_labels=False, n_analog_inputs=5),
        NevLayout("2.2", b"NEURALEV", np.dtype("<u4"), n_analog_inputs=5),
        NevLayout("2.3", b"NEURALEV", np.dtype("<u4")),
        NevLayout("3.0", b"BREVENTS", np.dtype("<u8")),
        NevLayout("3.0-ptp", b"BREVENTS", np.dtype("<u8"), tick_hz=PTP_TICK_HZ),
    )
}
NEV_FILE_IDS = frozenset(layout.file_id for layout in NEV_LAYOUTS.values())
