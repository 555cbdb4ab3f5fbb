"""Small NSx files for tests, and neo as it reads them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from neo.rawio import BlackrockRawIO

from closedloop.blackrock.nsx.header import NsxChannel, analog_input
from closedloop.blackrock.nsx.writer import write_nsx

DATA = Path(__file__).parents[3] / "data" / "blackrock"
START = datetime(2024, 5, 6, 7, 8, 9, 123000, tzinfo=UTC)
CHANNELS = (NsxChannel(1, "elec1"), NsxChannel(130, "elec130"), analog_input(257, "ainp1"))
SPECIFICATIONS = ("2.1", "2.2", "2.3", "3.0", "3.0-ptp")
IN_BLOCKS = ("2.2", "2.3", "3.0")
BLOCK_HEADER_BYTES = {"2.1": 0, "2.2": 9, "2.3": 9, "3.0": 13, "3.0-ptp": 13}
HEADER_BYTES = {"2.1": 32 + 3 * 4, **dict.fromkeys(["2.2", "2.3", "3.0", "3.0-ptp"], 314 + 3 * 66)}


def ramp(n: int, n_channels: int = 3, start: int = 0) -> np.ndarray:
    """Samples that are all different, so that a misplaced one shows."""
    return (np.arange(start, start + n * n_channels) % 60_000 - 30_000).astype(np.int16).reshape(n, n_channels)


def write(
    file: Path,
    chunks: Sequence,
    *,
    specification: str = "2.3",
    rate_hz: float = 30_000.0,
    channels: Sequence[NsxChannel] = CHANNELS,
    tick_hz: int | None = None,
) -> Path:
    write_nsx(
        file,
        channels,
        rate_hz=rate_hz,
        specification=specification,
        chunks=chunks,
        start=START,
        tick_hz=tick_hz,
        label="test",
        comment="a file for tests",
    )
    return file


class ReadByNeo:
    """One NSx file as neo gives it: samples (in bits, and in their unit) and first time of each segment, channels."""

    def __init__(
        self, stem: Path, number: int, gap_tolerance_ms: float | None = None, *, load_nev: bool = False
    ) -> None:
        reader = BlackrockRawIO(
            filename=str(stem), nsx_to_load=number, load_nev=load_nev, gap_tolerance_ms=gap_tolerance_ms
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Cannot rescale to voltage")  # 2.1 has no scale
            reader.parse_header()
        n_segments = reader.segment_count(0)
        self.segments = [
            np.array(reader.get_analogsignal_chunk(0, segment, None, None, 0)) for segment in range(n_segments)
        ]
        self.scaled = [
            reader.rescale_signal_raw_to_float(raw, dtype="float64", stream_index=0) for raw in self.segments
        ]
        self.t_starts = [reader.get_signal_t_start(0, segment, 0) for segment in range(n_segments)]
        self.rate_hz = reader.get_signal_sampling_rate(0)
        self.channels = reader.header["signal_channels"]
        for stream in reader._nsx_fids.values():
            stream.close()
