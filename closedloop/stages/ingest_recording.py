"""The recording's side of ingest: a day's Blackrock files as spikes, words and light."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.days import RawAgreement
from closedloop.artifacts.session import SessionDocument
from closedloop.errors import RecordingError, StudyError
from closedloop.recording.agreement import agreement
from closedloop.recording.chunks import ChunksOf
from closedloop.recording.detection import DEFINITIONS, as_spikes, detect
from closedloop.recording.nev import NevEvents, read_nev
from closedloop.recording.nev_header import NevHeader, read_nev_header
from closedloop.recording.nsx import open_samples
from closedloop.recording.nsx_header import NsxHeader, read_nsx_header
from closedloop.recording.photodiode import photodiode_edges
from closedloop.recording.stretches import Stretch
from closedloop.simulation.processor import SIMULATED_APPLICATION
from closedloop.stages.context import StageContext

_TOLERANCE_MS = 0.5
_MS_PER_S = 1000
_PHOTODIODE = "photodiode"
_DAY_MARK = "-day-"


@dataclass(frozen=True)
class _Detected:
    """Threshold crossings found offline, and on which electrodes was looked for them."""

    electrode_ids: tuple[int, ...]
    spike_tick: NDArray[np.int64]
    spike_electrode: NDArray[np.int64]


@dataclass(frozen=True)
class DayRecording:
    """A day's files.

    Attributes
    ----------
    spike_tick, spike_electrode
        Spikes that are counted: the recorder's own threshold crossings, or those found offline.
    electrode_ids
        Electrodes that were looked at.
    photodiode_edge_tick
        Rising edges of the light; None where no photodiode was recorded.
    blocks
        Uninterrupted stretches.
    definition
        Which definition of a spike the counts follow.
    """

    nev_file: Path
    nev: NevEvents
    nsx_file: Path | None
    nsx: NsxHeader | None
    spike_tick: NDArray[np.int64]
    spike_electrode: NDArray[np.int64]
    electrode_ids: tuple[int, ...]
    detected: _Detected | None
    photodiode_edge_tick: NDArray[np.float64] | None
    blocks: tuple[Stretch, ...]
    ticks_per_sample: int
    definition: str

    @property
    def tick_hz(self) -> float:
        """Ticks per second."""
        return self.nev.tick_hz

    @property
    def code_tick(self) -> NDArray[np.int64]:
        """When words arrived."""
        return self.nev.code_tick

    @property
    def code_value(self) -> NDArray[np.int64]:
        """The words."""
        return self.nev.code_value

    @property
    def duration_s(self) -> float:
        """Length of what was recorded."""
        return sum(block.n_samples for block in self.blocks) * self.ticks_per_sample / self.tick_hz


def read_day_recording(folder: Path, context: StageContext, session: SessionDocument) -> DayRecording:
    """Read a day's files.

    Raises
    ------
    RecordingError
        A file is missing, cannot be read, or is of another session.
    StudyError
        Simulated and real data would be mixed.
    """
    nev_file = _only_file(folder, "*.nev")
    header = read_nev_header(nev_file)
    _check_mark(nev_file, header, context)
    nev = read_nev(nev_file)
    _check_session(nev_file, nev, session)
    nsx_files = sorted(folder.glob("*.ns6"))
    nsx_file = nsx_files[0] if nsx_files else None
    nsx = read_nsx_header(nsx_file) if nsx_file else None
    wanted = context.protocol.recording
    detected = _detect(nsx_file, nsx, wanted.detection)
    if wanted.spikes_from == "raw" and detected is None:
        raise RecordingError(
            f"{folder}: expected raw voltage in an .ns6 file, found none. Record it, or count from the NEV."
        )
    from_raw = detected if wanted.spikes_from == "raw" else None
    return DayRecording(
        nev_file=nev_file,
        nev=nev,
        nsx_file=nsx_file,
        nsx=nsx,
        spike_tick=from_raw.spike_tick if from_raw else nev.spike_tick,
        spike_electrode=from_raw.spike_electrode if from_raw else nev.spike_electrode,
        electrode_ids=from_raw.electrode_ids if from_raw else tuple(e.electrode_id for e in header.electrodes),
        detected=detected,
        photodiode_edge_tick=_photodiode(nsx_file, nsx),
        blocks=nsx.stretches if nsx else (_whole_nev(nev),),
        ticks_per_sample=int(nsx.ticks_per_sample) if nsx else 1,
        definition=f"raw voltage by {wanted.detection}" if from_raw else "the recorder's threshold crossings (NEV)",
    )


def _only_file(folder: Path, pattern: str) -> Path:
    files = sorted(folder.glob(pattern))
    if len(files) != 1:
        raise RecordingError(
            f"{folder}: expected one {pattern} file, found {len(files)}. Leave the session's own file there."
        )
    return files[0]


def _check_mark(file: Path, header: NevHeader, context: StageContext) -> None:
    simulated = header.application.startswith(SIMULATED_APPLICATION)
    if simulated != context.simulated:
        found, expected = ("simulated", "recorded") if simulated else ("recorded", "simulated")
        raise StudyError(f"{file}: expected a {expected} file, found a {found} one. The two never mix: remove it.")


def _check_session(file: Path, nev: NevEvents, session: SessionDocument) -> None:
    """Refuse a recording whose comment names another session; one without such a comment is judged by its words."""
    named = [text for text in nev.comment_text if _DAY_MARK in text]
    others = [text for text in named if session.session_id not in text]
    if others:
        raise RecordingError(
            f"{file}: expected session {session.session_id}, found a comment of session {others[0]}. "
            "Put this day's recording there."
        )


def _detect(file: Path | None, header: NsxHeader | None, definition: str) -> _Detected | None:
    electrodes = tuple(channel.channel_id for channel in header.channels if channel.is_electrode) if header else ()
    if file is None or not electrodes:
        return None
    samples = open_samples(file, channel_ids=electrodes)
    step = int(samples.header.ticks_per_sample)
    found = detect(ChunksOf(samples), samples.rate_hz, DEFINITIONS[definition], ticks_per_sample=step)
    return _Detected(electrodes, *as_spikes(found, electrodes))


def _photodiode(file: Path | None, header: NsxHeader | None) -> NDArray[np.float64] | None:
    found = (
        [channel.channel_id for channel in header.channels if channel.label.startswith(_PHOTODIODE)] if header else []
    )
    if file is None or not found:
        return None
    samples = open_samples(file, channel_ids=found[:1])
    return photodiode_edges(ChunksOf(samples), ticks_per_sample=int(samples.header.ticks_per_sample))


def _whole_nev(nev: NevEvents) -> Stretch:
    """Take a NEV without NSx as one stretch from its first to its last packet."""
    ticks = np.concatenate([nev.spike_tick, nev.code_tick])
    first, end = int(ticks.min()), int(ticks.max()) + 1
    return Stretch(epoch=0, first_tick=first, end_tick=end, n_samples=end - first)


def raw_agreement(recording: DayRecording, definition: str) -> tuple[RawAgreement, ...]:
    """Compare offline detection with the recorder's threshold crossings, electrode by electrode."""
    if recording.detected is None:
        return ()
    tolerance = round(_TOLERANCE_MS / _MS_PER_S * recording.tick_hz)
    rows = []
    for electrode in recording.detected.electrode_ids:
        nev = recording.nev.spike_tick[recording.nev.spike_electrode == electrode]
        offline = recording.detected.spike_tick[recording.detected.spike_electrode == electrode]
        both = agreement(nev, offline, tolerance_ticks=tolerance)
        rows.append(
            RawAgreement(
                electrode_id=electrode,
                definition=definition,
                n_offline=len(offline),
                n_nev=len(nev),
                recall=round(float(np.nan_to_num(both.recall)), 4),
                precision=round(float(np.nan_to_num(both.precision)), 4),
                tolerance_ms=_TOLERANCE_MS,
            )
        )
    return tuple(rows)


def recording_lines(recording: DayRecording) -> dict[str, str]:
    """Say in a line what each file is."""
    nev = recording.nev
    lines = {
        recording.nev_file.name: f"NEV, {len(nev.spike_tick)} spikes, {len(nev.code_tick)} words, "
        f"{nev.n_out_of_order} packets out of order"
    }
    if recording.nsx_file is not None and recording.nsx is not None:
        lines[recording.nsx_file.name] = (
            f"NSx {recording.nsx.specification}, {len(recording.nsx.channels)} channels at "
            f"{recording.nsx.rate_hz:g} Hz, {len(recording.blocks)} block(s), {recording.duration_s:.1f} s"
        )
    return lines
