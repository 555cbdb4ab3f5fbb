"""The waveforms of a NEV's spikes, which may be 8, 16 or 32 bits wide from electrode to electrode."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.nev.header import NevElectrode, NevHeader
from closedloop.blackrock.nev.order import tie_order
from closedloop.blackrock.nev.packets import Packets, concatenate_packets, is_noise, packet_bytes_at
from closedloop.blackrock.nev.survey import survey_nev
from closedloop.errors import RecordingError
from closedloop.recording.segments import Segment

_SAMPLE_TYPES = {1: "<i1", 2: "<i2", 4: "<i4"}  # NEV 2.1 to 3.0 specification, NEUEVWAV, bytes per waveform sample


def read_waveforms(
    file: Path, electrode_id: int, *, noise: bool = False, clock_segments: Sequence[Segment] | None = None
) -> NDArray[Any]:
    """Read the waveforms of one electrode's spikes.

    Parameters
    ----------
    noise, clock_segments
        As for `nev.read_nev`.

    Returns
    -------
    NDArray
        In bits, shape (n_spikes, n_samples), in the order of ``read_nev(file).spikes.on(electrode_id)``.

    Raises
    ------
    RecordingError
        The file cannot be read, or its header does not have the electrode, or has samples of no known width.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from closedloop.blackrock import NevBatch, NevElectrode, read_waveforms, write_nev
    >>> start = datetime(2024, 5, 6, tzinfo=UTC)
    >>> waveform = np.tile(np.array([0, -80, 20, 0], np.int16), (2, 1))
    >>> batch = NevBatch(
    ...     spike_tick=np.array([300, 900]), spike_electrode=np.array([1, 1]), spike_waveform=waveform
    ... )
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "day3.nev"
    ...     _ = write_nev(
    ...         file,
    ...         [NevElectrode(1, "elec1")],
    ...         specification="2.3",
    ...         batches=[batch],
    ...         start=start,
    ...         waveform_samples=4,
    ...     )
    ...     read_waveforms(file, 1).tolist()
    [[0, -80, 20, 0], [0, -80, 20, 0]]
    """
    survey = survey_nev(file, clock_segments=clock_segments)
    electrode = _find_electrode(file, survey.header, electrode_id)
    own = [part.packets.take(_is_wanted(part.packets, electrode_id, noise=noise)) for part in survey.in_order()]
    index = concatenate_packets(*(packets.take(tie_order(packets)) for packets in own)).index
    first = survey.header.layout.timestamp.itemsize + 4
    raw = b"".join(packet[first:] for packet in packet_bytes_at(file, survey.header, index))
    room = survey.header.packet_bytes - first
    dtype = np.dtype(_SAMPLE_TYPES[electrode.bytes_per_sample])
    n_samples = electrode.waveform_samples or room // dtype.itemsize
    rows = np.frombuffer(raw, np.uint8).reshape(len(index), room)
    return np.ascontiguousarray(rows[:, : n_samples * dtype.itemsize]).view(dtype)


def _is_wanted(packets: Packets, electrode_id: int, *, noise: bool) -> NDArray[np.bool_]:
    own = packets.kind == electrode_id
    return np.asarray(own if noise else own & ~is_noise(packets))


def _find_electrode(file: Path, header: NevHeader, electrode_id: int) -> NevElectrode:
    found = [one for one in header.channels if one.electrode_id == electrode_id]
    if not found:
        raise RecordingError(
            f"{file}: expected a header of electrode {electrode_id}, found none. "
            "Ask for one of those that `closedloop recording info` names."
        )
    if found[0].bytes_per_sample not in _SAMPLE_TYPES:
        raise RecordingError(
            f"{file}: expected samples of 1, 2 or 4 bytes on electrode {electrode_id}, found "
            f"{found[0].bytes_per_sample}. The header is corrupt: copy the file again."
        )
    return found[0]
