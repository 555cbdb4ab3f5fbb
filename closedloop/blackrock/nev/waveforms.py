"""The waveforms of a NEV's spikes, which may be 8, 16 or 32 bits wide from electrode to electrode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.blackrock.channel_kinds import LARGEST_ELECTRODE
from closedloop.blackrock.nev.header import NevElectrode, NevHeader
from closedloop.blackrock.nev.layout import NOISE_UNIT
from closedloop.blackrock.nev.order import OrderedPackets, tie_order
from closedloop.blackrock.nev.packets import Packets, contents_bytes, is_noise, is_spike, packet_contents
from closedloop.blackrock.nev.survey import survey_nev
from closedloop.errors import RecordingError
from closedloop.recording.segments import Segment

_SAMPLE_TYPES = {1: "<i1", 2: "<i2", 4: "<i4"}  # NEV 2.1 to 3.0 specification, NEUEVWAV, bytes per waveform sample


@dataclass(frozen=True)
class SpikeWaveforms:
    """Spikes of one clock segment with their waveforms, in order of tick, electrode and unit.

    Attributes
    ----------
    clock_segment
        Of all of them.
    tick, electrode_id, unit
        Shape (n_spikes,) each; the unit as the recorder sorted it: 0 is unsorted, 255 noise.
    waveform_uv
        Shape (n_spikes, n_samples); NaN after the last sample of an electrode with fewer, and where the header has no
        scale.

    Examples
    --------
    >>> import numpy as np
    >>> from closedloop.blackrock import SpikeWaveforms
    >>> one = SpikeWaveforms(
    ...     0, np.array([300]), np.array([7], "u2"), np.array([1], "u1"), np.array([[0.0, -40.0]], np.float32)
    ... )
    >>> one.waveform_uv.min(axis=1).tolist()
    [-40.0]
    """

    clock_segment: int
    tick: NDArray[np.int64]
    electrode_id: NDArray[np.uint16]
    unit: NDArray[np.uint8]
    waveform_uv: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.tick)


def stream_waveforms(
    file: Path,
    *,
    electrode_ids: Sequence[int] | None = None,
    units: Collection[int] | None = None,
    ticks: Mapping[int, range] | None = None,
    clock_segments: Sequence[Segment] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[SpikeWaveforms]:
    """Read spikes with their waveforms, part by part, in bounded memory.

    Parameters
    ----------
    file
        The NEV.
    electrode_ids
        Which electrodes; all that the header describes if None.
    units
        Which units, as the recorder sorted them; all but noise (255) if None.
    ticks
        Which ticks of each clock segment, none of those that are not named; all if None.
    clock_segments
        As for `read_nev`.
    progress
        Called with (done, total) packets; the file is passed over twice.

    Raises
    ------
    RecordingError
        The file cannot be read, or its header does not have an electrode, or has samples of no known width.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from closedloop.blackrock import NevBatch, NevElectrode, stream_waveforms, write_nev
    >>> start = datetime(2024, 5, 6, tzinfo=UTC)
    >>> waveform = np.tile(np.array([0, -80, 20, 0], np.int16), (2, 1))
    >>> batch = NevBatch(
    ...     spike_tick=np.array([300, 900]), spike_electrode=np.array([1, 1]), spike_waveform=waveform
    ... )
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "day3.nev"
    ...     _ = write_nev(
    ...         file,
    ...         [NevElectrode(1, "elec1")],  # 250 nV a bit
    ...         specification="2.3",
    ...         batches=[batch],
    ...         start=start,
    ...         waveform_samples=4,
    ...     )
    ...     for part in stream_waveforms(file, ticks={0: range(900)}):
    ...         part.tick.tolist(), part.waveform_uv.tolist()
    ([300], [[0.0, -20.0, 5.0, 0.0]])
    """
    survey = survey_nev(file, clock_segments=clock_segments, progress=progress)
    header = survey.header
    electrodes = (
        spike_channels(header)
        if electrode_ids is None
        else [find_electrode(file, header, one) for one in electrode_ids]
    )
    reader = WaveformReader(file, header, electrodes, units=units, ticks=ticks)
    for part in survey.in_order():
        yield reader.read(part)


class WaveformReader:
    """Takes the wanted spikes out of packets and reads their waveforms, which are stored as each electrode's are.

    Parameters
    ----------
    file, header
        The NEV.
    electrodes
        Which electrodes, as the header describes them.
    units, ticks
        Which of their spikes, as for `stream_waveforms`.

    Attributes
    ----------
    left_out
        Spikes that were passed over, by the first reason that held.
    """

    def __init__(
        self,
        file: Path,
        header: NevHeader,
        electrodes: Sequence[NevElectrode],
        *,
        units: Collection[int] | None = None,
        ticks: Mapping[int, range] | None = None,
    ) -> None:
        self._file, self._header, self._ticks = file, header, ticks
        self._unit_is_wanted = np.isin(np.arange(256), list(range(NOISE_UNIT) if units is None else units))
        self._is_described = np.isin(np.arange(1 << 16), [one.electrode_id for one in spike_channels(header)])
        self._is_wanted = np.zeros(1 << 16, np.bool_)
        self._uv_per_bit = np.full(1 << 16, np.nan)
        self._by_form: dict[tuple[int, int], list[int]] = {}
        for electrode_id in dict.fromkeys(electrode.electrode_id for electrode in electrodes):
            known = find_electrode(file, header, electrode_id)
            self._is_wanted[known.electrode_id] = True
            self._uv_per_bit[known.electrode_id] = known.uv_per_bit or np.nan
            form = (known.bytes_per_sample, samples_of(known, header))
            self._by_form.setdefault(form, []).append(known.electrode_id)
        self.n_samples = max((n_samples for _, n_samples in self._by_form), default=0)
        self.left_out: Counter[str] = Counter()

    def read(self, part: OrderedPackets) -> SpikeWaveforms:
        """Read what is wanted of the next packets."""
        packets = part.packets.take(is_spike(part.packets))
        within = range((1 << 63) - 1) if self._ticks is None else self._ticks.get(part.clock_segment, range(0))
        unit = packets.detail & 0xFF
        wanted = np.ones(len(packets), np.bool_)
        for reason, fits in (
            ("outside the time", (packets.tick >= within.start) & (packets.tick < within.stop)),
            ("on electrodes without a header", self._is_described[packets.kind]),
            ("on other electrodes", self._is_wanted[packets.kind]),
            ("in the noise unit (255)", self._unit_is_wanted[unit] | (unit != NOISE_UNIT)),
            ("of other units", self._unit_is_wanted[unit]),
        ):
            self.left_out[reason] += int(np.count_nonzero(wanted & ~fits))
            wanted &= fits
        found = packets.take(wanted)
        found = found.take(tie_order(found))
        return SpikeWaveforms(
            clock_segment=part.clock_segment,
            tick=found.tick,
            electrode_id=found.kind,
            unit=found.detail.astype(np.uint8),
            waveform_uv=self._waveforms_uv(found),
        )

    def _waveforms_uv(self, packets: Packets) -> NDArray[np.float32]:
        rows = packet_contents(self._file, self._header, packets.index)
        found = np.full((len(packets), self.n_samples), np.nan, np.float32)
        for (n_bytes, n_samples), electrode_ids in self._by_form.items():
            own = slice(None) if len(self._by_form) == 1 else np.isin(packets.kind, electrode_ids)
            bits = _as_samples(rows[own], n_bytes, n_samples)
            found[own, :n_samples] = bits * self._uv_per_bit[packets.kind[own]][:, None]
        return found


def spike_channels(header: NevHeader) -> tuple[NevElectrode, ...]:
    """Return the channels whose packets are spikes: electrodes, and analog inputs with a threshold."""
    return tuple(one for one in header.channels if one.electrode_id <= LARGEST_ELECTRODE)


def readable_electrodes(header: NevHeader) -> tuple[NevElectrode, ...]:
    """Return the electrodes whose waveforms can be read and have a scale; of two of one number the first counts."""
    first = {one.electrode_id: one for one in reversed(header.channels)}
    return tuple(
        one
        for one in header.electrodes
        if one is first[one.electrode_id]
        and one.bytes_per_sample in _SAMPLE_TYPES
        and one.uv_per_bit
        and samples_of(one, header)
    )


def samples_of(electrode: NevElectrode, header: NevHeader) -> int:
    """Return how many samples an electrode's waveforms have: as its header says, as far as packets hold them."""
    room = contents_bytes(header) // electrode.bytes_per_sample
    return min(electrode.waveform_samples or room, room)


def _as_samples(rows: NDArray[np.uint8], n_bytes: int, n_samples: int) -> NDArray[Any]:
    return np.ascontiguousarray(rows[:, : n_samples * n_bytes]).view(_SAMPLE_TYPES[n_bytes])


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
    electrode = find_electrode(file, survey.header, electrode_id)
    parts = []
    for part in survey.in_order():
        own = part.packets.take(_is_wanted(part.packets, electrode_id, noise=noise))
        rows = packet_contents(file, survey.header, own.take(tie_order(own)).index)
        parts.append(_as_samples(rows, electrode.bytes_per_sample, samples_of(electrode, survey.header)))
    none = np.zeros((0, samples_of(electrode, survey.header)), _SAMPLE_TYPES[electrode.bytes_per_sample])
    return np.concatenate([none, *parts])


def _is_wanted(packets: Packets, electrode_id: int, *, noise: bool) -> NDArray[np.bool_]:
    own = packets.kind == electrode_id
    return np.asarray(own if noise else own & ~is_noise(packets))


def find_electrode(file: Path, header: NevHeader, electrode_id: int) -> NevElectrode:
    """Find an electrode whose waveforms can be read.

    Parameters
    ----------
    file
        Named in the error.
    header
        The file's.
    electrode_id
        Which.

    Raises
    ------
    RecordingError
        The header does not have it, or its samples have no known width.
    """
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
