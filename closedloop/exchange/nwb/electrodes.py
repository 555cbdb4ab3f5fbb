"""Arrays, electrodes and the recorder's spikes of a session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hdmf.common import DynamicTableRegion, VectorIndex
from numpy.typing import NDArray
from pynwb import NWBFile
from pynwb.core import VectorData
from pynwb.misc import Units

from closedloop.artifacts import catalog
from closedloop.artifacts.day.responses import Site
from closedloop.devices.device import Device
from closedloop.exchange.nwb.clock import SessionClock
from closedloop.exchange.nwb.session import ExportedSession
from closedloop.exchange.nwb.tables import Described, Storage
from closedloop.recording.gaps import cut_out
from closedloop.recording.segments import Segment
from closedloop.recording.spikes import Spikes

_WRITTEN_AT_ONCE = 1 << 17  # spikes
_READ_AT_ONCE = 1 << 20
_MANUFACTURERS = {"blackrock": "Blackrock Neurotech"}


@dataclass(frozen=True)
class ElectrodeRow:
    """An electrode of a processor: its row in the file's table is its place in the list of them."""

    processor: int
    electrode_id: int
    label: str
    site: Site | None


def electrode_rows(session: ExportedSession) -> list[ElectrodeRow]:
    """Return the electrodes of a session in the order of responses.h5, then what the recorder has beside them."""
    sites = session.sites.sites[: session.counts["counts"].shape[1]]  # one that the day lacks stands behind them
    rows = [ElectrodeRow(site.processor, site.electrode_id, site.label, site) for site in sites]
    known = {(row.processor, row.electrode_id) for row in rows}
    rows += [
        ElectrodeRow(device.processor, one.electrode_id, one.label, None)
        for device in session.devices
        for one in device.electrodes
        if (device.processor, one.electrode_id) not in known
    ]
    return rows


def add_electrodes(file: NWBFile, session: ExportedSession, rows: Sequence[ElectrodeRow]) -> None:
    """Add an array, its recorder and its electrodes.

    Parameters
    ----------
    file
        To add them to.
    session
        The session.
    rows
        Its electrodes.
    """
    groups = _groups(file, session, sorted({row.processor for row in rows}))
    columns = _columns(rows)
    if any(out := session.left_out[1].tolist()):
        words = [*out, *[""] * (len(rows) - len(out))]
        columns["left_out"] = Described(words, "what people left it out of in this session: fit, evaluation, or both")
    for name, column in columns.items():
        file.add_electrode_column(name=name, description=column.meaning)
    for place, row in enumerate(rows):
        group = groups[row.processor]
        values = {name: column.values[place] for name, column in columns.items()}
        file.add_electrode(group=group, location=group.location, **values)


def _groups(file: NWBFile, session: ExportedSession, processors: Sequence[int]) -> dict[int, Any]:
    recorder = session.files.study.recorder
    maker = recorder.maker if recorder is not None else "blackrock"
    model = file.create_device_model(
        name="recorder",
        manufacturer=_MANUFACTURERS.get(maker, "unknown"),
        description="recorder of the arrays" if maker == "blackrock" else "read by neo",
    )
    groups = {}
    names = {device.processor: device.name for device in session.devices}
    for processor in processors:
        array = session.array_of(processor)
        device = file.create_device(
            name=f"processor{processor}",
            description=f"processor {processor} of the recorder ({names.get(processor, 'not recorded')})",
            model=model,
        )
        groups[processor] = file.create_electrode_group(
            name=array.name,
            description=f"array {array.name}, wired to processor {processor}",
            location=f"{array.region}, {array.hemisphere} hemisphere",
            device=device,
        )
    return groups


def _columns(rows: Sequence[ElectrodeRow]) -> dict[str, Described]:
    def text(name: str) -> list[str]:
        return [str(getattr(row.site, name)) if row.site is not None else "" for row in rows]

    def number(name: str) -> NDArray[np.float64]:
        found = [getattr(row.site, name) if row.site is not None else None for row in rows]
        return np.array([np.nan if one is None else float(one) for one in found])

    columns = {
        "neuroid_id": Described(text("neuroid_id"), "identity across days; empty of electrodes that were not counted"),
        "electrode_id": Described([row.electrode_id for row in rows], "the recorder's number, of its processor"),
        "processor": Described([row.processor for row in rows], "which processor it is wired to, from 1"),
        "label": Described([row.label for row in rows], "its name in the recorder's files"),
        "site_index": Described(number("site_index"), "output of the model; NaN of electrodes that are no site"),
        "reliability": Described(number("reliability"), "Spearman-Brown split half of this day"),
        "sigma_hz": Described(number("sigma_hz"), "SD over the clean images' mean rates"),
        "mean_rate_hz": Described(number("mean_rate_hz"), "mean over this day's clean images"),
        "row": Described(number("row"), "place on the array by its map"),
        "column": Described(number("column"), "likewise"),
    }
    return {
        name: one
        for name, one in columns.items()
        if not (isinstance(one.values, np.ndarray) and np.isnan(one.values).all())
    }


@dataclass(frozen=True)
class SpikeOrigin:
    """Spikes of a processor that were found in one way, and when its electrodes were looked at.

    Attributes
    ----------
    device
        The processor.
    are
        What they are, in words.
    electrode_ids
        Whose, in order, (n_electrodes,).
    spikes
        Part by part, to be read once.
    segments
        In which they would have been found.
    """

    device: Device
    are: str
    electrode_ids: NDArray[np.int64]
    spikes: Iterator[Spikes]
    segments: Sequence[Segment]


def spike_origins(session: ExportedSession) -> Iterator[SpikeOrigin]:
    """Yield the spikes that counts and rasters are made from, and the recorder's own on the other electrodes.

    Parameters
    ----------
    session
        Whose.
    """
    recording = session.files.protocol_of(session.block.day).recording
    for device in session.devices:
        own = np.array(sorted({electrode for part in device.parts for electrode in part.spike_electrodes}), np.int64)
        if recording.spikes_from == "raw":
            voltage = {electrode for one in device.voltages for electrode in one.electrode_ids}
            sites = {one.electrode_id for one in session.sites.chosen() if one.processor == device.processor}
            counted = np.array(sorted(sites & voltage), np.int64)
            if len(counted):
                are = f"what counts, found in raw voltage by {recording.detection}"
                yield SpikeOrigin(device, are, counted, _counted(session, device), device.segments)
                own = np.setdiff1d(own, counted)
        are = " and ".join(sorted({part.spikes_are for part in device.parts}))
        yield SpikeOrigin(device, are, own, _recorded(device, own), cut_out(device.segments, device.spike_gaps()))


def _recorded(device: Device, electrode_ids: NDArray[np.int64]) -> Iterator[Spikes]:
    """Yield the recorder's own spikes on some electrodes, part by part."""
    for part in device.spikes():
        yield part.on_any(electrode_ids.tolist())


def _counted(session: ExportedSession, device: Device) -> Iterator[Spikes]:
    """Yield the published spikes of the model's sites on a processor, part by part."""
    found = session.files.read(catalog.spikes(device.processor), session.block.day)
    columns = [found[name] for name in ("epoch", "tick", "electrode_id")]
    for start in range(0, len(columns[0]), _READ_AT_ONCE):
        yield Spikes(*(column[start : start + _READ_AT_ONCE] for column in columns))


@dataclass
class _DeviceSpikes:
    """A processor's spikes on the session's axis, part by part, each in order of electrode and then of time."""

    electrode_ids: NDArray[np.int64]
    parts: list[NDArray[np.float64]] = field(default_factory=list)
    ends: list[NDArray[np.int64]] = field(default_factory=list)
    n_unplaced: int = 0
    first_s: float = np.inf
    last_s: float = -np.inf

    @property
    def n_by_electrode(self) -> NDArray[np.int64]:
        """How many there are on each, (n_electrodes,)."""
        counts = [np.diff(ends, prepend=0) for ends in self.ends]
        return np.asarray(np.sum(counts, axis=0) if counts else np.zeros(len(self.electrode_ids)), np.int64)

    def of(self, place: int) -> Iterator[NDArray[np.float64]]:
        """Yield an electrode's spikes in order."""
        for part, ends in zip(self.parts, self.ends, strict=True):
            yield part[(ends[place - 1] if place else 0) : ends[place]]


@dataclass(frozen=True)
class SessionUnits:
    """The table of units, and what could not be placed in it."""

    table: Units
    n_spikes: int
    n_unplaced: int


def units_of(
    session: ExportedSession, rows: Sequence[ElectrodeRow], file: NWBFile, storage: Storage
) -> SessionUnits | None:
    """Return the spikes of each electrode, a row each; None where nobody found any at all.

    They are the recorder's own; of a session that is counted from raw voltage those that count, at the model's sites.

    Parameters
    ----------
    session
        The session.
    rows
        Its electrodes.
    file
        With the table of electrodes.
    storage
        Where it goes.
    """
    place_of = {(row.processor, row.electrode_id): place for place, row in enumerate(rows)}
    spikes: list[_DeviceSpikes] = []
    observed: list[NDArray[np.float64]] = []
    found = tuple(spike_origins(session))
    for one in found:
        own = _spikes_of(one, session.clock)
        spikes.append(own)
        observed.append(_observed(one, session.clock, own))
    counts = np.concatenate([own.n_by_electrode for own in spikes]) if spikes else np.zeros(0, np.int64)
    if not counts.sum():
        return None
    owners = [
        (one.device.processor, int(electrode), intervals)
        for one, intervals in zip(found, observed, strict=True)
        for electrode in one.electrode_ids
    ]
    places = [place_of[processor, electrode] for processor, electrode, _ in owners]
    names = [rows[place].site.neuroid_id if rows[place].site is not None else "" for place in places]  # type: ignore[union-attr]
    columns = [
        VectorData(name="neuroid_id", description="identity of the electrode across days", data=names),
        *_indexed("spike_times", "spikes (s)", _times(spikes, int(counts.sum()), storage), np.cumsum(counts)),
        *_indexed(
            "obs_intervals",
            "when the electrode was recorded (s)",
            np.concatenate([intervals for _, _, intervals in owners]),
            np.cumsum([len(intervals) for _, _, intervals in owners]),
        ),
        *_electrode_columns(places, file),
    ]
    said = sorted({one.are for one in found if len(one.electrode_ids)})
    if len(said) > 1:
        are = [one.are for one in found for _ in one.electrode_ids]
        columns.append(VectorData(name="spikes_are", description="how the spikes were found", data=are))
    table = Units(
        name="units",
        description=f"Not sorted: {' and '.join(said)}, a row an electrode.",
        columns=columns,
        colnames=["neuroid_id", "spike_times", "obs_intervals", "electrodes", *["spikes_are"][: len(said) - 1]],
        resolution=1 / min(device.tick_hz for device in session.devices),
    )
    return SessionUnits(table, int(counts.sum()), sum(own.n_unplaced for own in spikes))


def _spikes_of(wanted: SpikeOrigin, clock: SessionClock) -> _DeviceSpikes:
    """Read a processor's spikes in one pass, in 8 bytes a spike."""
    ids = wanted.electrode_ids
    found = _DeviceSpikes(ids)
    for part in wanted.spikes:
        place = np.searchsorted(ids, part.electrode_id)
        seconds = clock.seconds(wanted.device.processor, part.clock_segment, part.tick)
        known = np.isfinite(seconds)
        found.n_unplaced += int((~known).sum())
        seconds, place = seconds[known], place[known]
        if not len(seconds):
            continue
        order = np.argsort(place, kind="stable")
        found.parts.append(seconds[order])
        found.ends.append(np.cumsum(np.bincount(place, minlength=len(ids))))
        found.first_s = min(found.first_s, float(seconds.min()))
        found.last_s = max(found.last_s, float(seconds.max()))
    return found


def _observed(found: SpikeOrigin, clock: SessionClock, spikes: _DeviceSpikes) -> NDArray[np.float64]:
    """Return when a processor was recorded, (n, 2); a .nev that goes on after the voltage was recorded, too."""
    segments = found.segments
    numbers = np.array([one.clock_segment for one in segments])
    bounds = [
        clock.seconds(found.device.processor, numbers, np.array([getattr(one, name) for one in segments]))
        for name in ("first_tick", "end_tick")
    ]
    intervals = np.stack(bounds, axis=1)
    intervals = intervals[np.isfinite(intervals).all(axis=1)]
    if not len(intervals):
        return np.array([[spikes.first_s, spikes.last_s]]) if spikes.parts else np.zeros((0, 2))
    intervals[0, 0] = min(intervals[0, 0], spikes.first_s)
    intervals[-1, 1] = max(intervals[-1, 1], spikes.last_s)
    return intervals


def _times(spikes: Sequence[_DeviceSpikes], n_spikes: int, storage: Storage) -> Any:
    blocks = _blocks(piece for own in spikes for place in range(len(own.electrode_ids)) for piece in own.of(place))
    return storage.dataset(blocks, shape=(n_spikes,), dtype=np.float64, chunks=(min(n_spikes, _WRITTEN_AT_ONCE),))


def _blocks(pieces: Iterator[NDArray[np.float64]]) -> Iterator[NDArray[np.float64]]:
    """Join pieces to blocks of one size: a chunk of the file is compressed once."""
    held: list[NDArray[np.float64]] = []
    n_held = 0
    for piece in pieces:
        held.append(piece)
        n_held += len(piece)
        while n_held >= _WRITTEN_AT_ONCE:
            joined = np.concatenate(held)
            yield joined[:_WRITTEN_AT_ONCE]
            held, n_held = [joined[_WRITTEN_AT_ONCE:]], n_held - _WRITTEN_AT_ONCE
    if n_held:
        yield np.concatenate(held)


def _indexed(name: str, description: str, data: Any, ends: NDArray[np.int64]) -> tuple[VectorIndex, VectorData]:
    """Return a column with several values a row, its index first: hdmf looks for what an index is of."""
    column = VectorData(name=name, description=description, data=data)
    return VectorIndex(name=f"{name}_index", data=ends.astype(np.uint64), target=column), column


def _electrode_columns(places: Sequence[int], file: NWBFile) -> tuple[Any, Any]:
    region = DynamicTableRegion(
        name="electrodes", description="the electrode", data=list(places), table=file.electrodes
    )
    return region, VectorIndex(
        name="electrodes_index", data=np.arange(1, len(places) + 1, dtype=np.uint64), target=region
    )
