"""Continuous signals of a session: the photodiode, and the voltage where somebody asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from hdmf.common import DynamicTableRegion
from numpy.typing import NDArray
from pynwb import NWBFile
from pynwb.base import TimeSeries
from pynwb.ecephys import ElectricalSeries

from closedloop.devices.device import Device
from closedloop.devices.part import RecordingPart
from closedloop.devices.photodiode import find_photodiode
from closedloop.exchange.nwb.clock import SessionClock
from closedloop.exchange.nwb.electrodes import ElectrodeRow
from closedloop.exchange.nwb.session import ExportedSession
from closedloop.exchange.nwb.tables import Storage
from closedloop.recording.source import SampleSource

_CHUNK = 1 << 20  # samples of one channel
_VOLTAGE_CHUNK_S = 1.0
_VOLTS = {"uv": 1e-6, "\u00b5v": 1e-6, "mv": 1e-3, "v": 1.0}


def photodiode_series(session: ExportedSession, storage: Storage) -> Iterator[TimeSeries]:
    """Yield the photodiode's signal, a series for each uninterrupted period of a processor that has it.

    Parameters
    ----------
    session
        The session.
    storage
        Where it goes.
    """
    label = session.files.protocol_of(session.block.day).recording.photodiode
    for device in session.devices:
        number = 0
        for part in device.parts:
            samples = find_photodiode(part.samples, label) if isinstance(part, RecordingPart) else None
            if samples is None or not isinstance(part, RecordingPart):
                continue
            for place, start_s, rate_hz in _periods(device, part.clock_segment_of(samples), samples, session.clock):
                number += 1
                volts = _VOLTS.get(_unit(samples.channels[0].units))
                yield TimeSeries(
                    name=_named("photodiode", device, session.devices, number),
                    data=_data(samples, place, columns=1, rows=_CHUNK, storage=storage),
                    unit="volts" if volts is not None else samples.channels[0].units or "a.u.",
                    conversion=float(samples.scale[0]) * (volts or 1.0),
                    offset=float(samples.offset[0]) * (volts or 1.0),
                    starting_time=start_s,
                    rate=rate_hz,
                    description=f"light on the corner of the screen, channel {samples.channels[0].label} of "
                    f"{samples.file.name}; bits",
                )


def add_voltage(file: NWBFile, session: ExportedSession, rows: Sequence[ElectrodeRow], storage: Storage) -> None:
    """Add the raw voltage of all files that have it: as large as they are, compressed.

    Parameters
    ----------
    file
        With the table of electrodes.
    session
        The session.
    rows
        Its electrodes.
    storage
        Where it goes.
    """
    place_of = {(row.processor, row.electrode_id): place for place, row in enumerate(rows)}
    for device in session.devices:
        number = 0
        for voltage in device.voltages:
            samples = voltage.samples
            places = [place_of[device.processor, electrode] for electrode in voltage.electrode_ids]
            volts, offsets = ([1e-6 * one for one in uv] for uv in (voltage.uv_per_bit, voltage.uv_at_zero))
            for place, start_s, rate_hz in _periods(device, voltage.clock_segment_of, samples, session.clock):
                number += 1
                region = DynamicTableRegion(
                    name="electrodes", description="the columns", data=places, table=file.electrodes
                )
                file.add_acquisition(
                    ElectricalSeries(
                        name=_named("voltage", device, session.devices, number),
                        data=_data(
                            samples,
                            place,
                            columns=len(places),
                            rows=int(samples.rate_hz * _VOLTAGE_CHUNK_S),
                            storage=storage,
                        ),
                        electrodes=region,
                        conversion=volts[0],
                        channel_conversion=None if len(set(volts)) == 1 else np.array(volts) / volts[0],
                        offset=offsets[0],
                        starting_time=start_s,
                        rate=rate_hz,
                        description=f"raw voltage, from {samples.file.name}; bits",
                    )
                )


def _unit(text: str) -> str:
    return text.lower().replace("\u03bc", "\u00b5")


def _periods(
    device: Device, clock_segment_of: dict[int, int], samples: SampleSource, clock: SessionClock
) -> Iterator[tuple[int, float, float]]:
    """Yield each uninterrupted period of a file: its number, when it starts on the axis, and samples a second of it."""
    for place, segment in enumerate(samples.segments):
        if segment.n_samples < 2 or segment.clock_segment not in clock_segment_of:
            continue
        ends = samples.ticks(place, np.array([0, segment.n_samples - 1]))
        numbers = np.full(2, clock_segment_of[segment.clock_segment])
        start_s, last_s = clock.seconds(device.processor, numbers, ends).tolist()
        if np.isfinite(start_s) and last_s > start_s:
            yield place, start_s, _rate((segment.n_samples - 1) / (last_s - start_s), samples.rate_hz)


def _rate(found_hz: float, nominal_hz: float) -> float:
    """Return a rate as the axis has it; the nominal one where only rounding lies between."""
    return nominal_hz if abs(found_hz / nominal_hz - 1) < 1e-9 else found_hz


def _data(samples: SampleSource, place: int, *, columns: int, rows: int, storage: Storage) -> Any:
    n_samples = samples.segments[place].n_samples
    shape = (n_samples,) if columns == 1 else (n_samples, columns)
    rows = min(rows, n_samples)
    return storage.dataset(
        _read(samples, place, rows, flat=columns == 1),
        shape=shape,
        dtype=samples.read(place, 0, 1).dtype.type,
        chunks=(rows,) if columns == 1 else (rows, min(columns, 16)),
    )


def _read(samples: SampleSource, place: int, rows: int, *, flat: bool) -> Iterator[NDArray[Any]]:
    n_samples = samples.segments[place].n_samples
    for start in range(0, n_samples, rows):
        found = samples.read(place, start, min(start + rows, n_samples))
        yield found[:, 0] if flat else found


def _named(name: str, device: Device, devices: Sequence[Device], number: int) -> str:
    of_device = f"_processor{device.processor}" if len(devices) > 1 else ""
    return f"{name}{of_device}" + (f"_{number:03d}" if number > 1 else "")
