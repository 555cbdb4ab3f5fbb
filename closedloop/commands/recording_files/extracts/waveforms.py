"""`closedloop recording waveforms`: the waveforms of a NEV's spikes as an array file, and a page of their means."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.artifacts.arrays import array_writer
from closedloop.artifacts.commands.recording_tables import SPIKE_WAVEFORMS
from closedloop.blackrock.nev.header import NevElectrode, NevHeader
from closedloop.blackrock.nev.survey import NevSurvey, survey_nev
from closedloop.blackrock.nev.waveforms import (
    SpikeWaveforms,
    WaveformReader,
    find_electrode,
    samples_of,
    spike_channels,
)
from closedloop.commands.recording_files.contents import clock_segments_by, refuse_without_packets
from closedloop.commands.recording_files.options import ChannelChoice, TimeRange, UnitChoice
from closedloop.commands.recording_files.outputs import ARRAY_SUFFIXES, check_output
from closedloop.errors import RecordingError
from closedloop.execution.progress import ProgressCallback
from closedloop.recording.waveform_means import MeanWaveform, WaveformMeans
from closedloop.simulation.mark import SIMULATED_APPLICATION

_MOST_LINES = 12
_LABEL_BYTES = 64


@dataclass(frozen=True)
class SpikeChoice:
    """Which spikes of a file are wanted: of which electrodes, units and part of the time."""

    channels: ChannelChoice
    units: UnitChoice
    time: TimeRange


@dataclass(frozen=True)
class WrittenWaveforms:
    """What was taken out of a file.

    Attributes
    ----------
    file, out
        The NEV and the array file.
    means
        By electrode and unit.
    labels
        The electrodes' names, by number.
    recorded_s
        Seconds recorded within the chosen time.
    left_out
        Spikes that were not wanted or cannot be described, by reason.
    """

    file: Path
    out: Path
    header: NevHeader
    units: UnitChoice
    means: tuple[MeanWaveform, ...]
    labels: dict[int, str]
    recorded_s: float
    left_out: dict[str, int]
    repairs: tuple[str, ...]

    @property
    def n_spikes(self) -> int:
        """Spikes that were written."""
        return sum(one.n_spikes for one in self.means)

    @property
    def simulated(self) -> bool:
        """Whether a program made the recording."""
        return self.header.application.startswith(SIMULATED_APPLICATION)


def waveforms_to_file(
    file: Path, out: Path, choice: SpikeChoice, *, nsx_file: Path | None, progress: ProgressCallback
) -> WrittenWaveforms:
    """Write the chosen spikes of a NEV with their waveforms, in bounded memory.

    Parameters
    ----------
    file
        The .nev.
    out
        The HDF5 file to write.
    choice
        Which spikes.
    nsx_file
        The same processor's NSx file, whose clock segments are then used.
    progress
        Called with (done, total) packets; the file is passed over twice.

    Raises
    ------
    RecordingError
        A file cannot be read, or has nothing of what is asked for.
    StorageError
        The result cannot be written.
    """
    check_output(out, ARRAY_SUFFIXES)
    survey = survey_nev(file, clock_segments=clock_segments_by(nsx_file), progress=progress)
    refuse_without_packets(survey)
    electrodes = _electrodes(survey, choice)
    ticks = choice.time.ticks(survey.segments, survey.header.tick_hz, file=file)
    reader = WaveformReader(file, survey.header, electrodes, units=choice.units.units, ticks=ticks)
    means, n_late = WaveformMeans(reader.n_samples), 0
    with array_writer(
        out,
        SPIKE_WAVEFORMS,
        simulated=survey.header.application.startswith(SIMULATED_APPLICATION),
        attributes=_attributes(survey, choice),
        n_columns={"waveform": reader.n_samples},
        whole=_described(electrodes, survey.header),
    ) as append:
        for part in survey.in_order():
            n_late += part.n_out_of_order
            found = reader.read(part)
            means.add(found.electrode_id, found.unit, found.waveform_uv)
            append(_columns(found, survey.header.tick_hz))
    return WrittenWaveforms(
        file=file,
        out=out,
        header=survey.header,
        units=choice.units,
        means=means.finish(),
        labels={one.electrode_id: one.label for one in electrodes},
        recorded_s=_recorded_s(survey, ticks),
        left_out={reason: n for reason, n in reader.left_out.items() if n},
        repairs=survey.repairs(n_late),
    )


def _electrodes(survey: NevSurvey, choice: SpikeChoice) -> list[NevElectrode]:
    known = spike_channels(survey.header)
    if not known:
        raise RecordingError(
            f"{survey.file}: expected electrodes with spike waveforms (NEUEVWAV), found none in its header. "
            "Give a .nev with spikes; `closedloop recording events` has its codes and comments."
        )
    places = choice.channels.places([(one.electrode_id, one.label) for one in known], file=survey.file)
    return [find_electrode(survey.file, survey.header, known[place].electrode_id) for place in places]


def _attributes(survey: NevSurvey, choice: SpikeChoice) -> dict[str, str | int | float]:
    return {
        "file": survey.file.name,
        "specification": survey.header.specification,
        "tick_hz": survey.header.tick_hz,
        "sample_hz": survey.header.sample_hz,
        "channels": choice.channels.text or "all",
        "units": choice.units.words,
        "time": choice.time.text or "all",
        "code_version": __version__,
    }


def _described(electrodes: list[NevElectrode], header: NevHeader) -> dict[str, NDArray[Any]]:
    labels = [one.label.encode()[:_LABEL_BYTES] for one in electrodes]
    return {
        "described_electrode_id": np.array([one.electrode_id for one in electrodes], np.uint16),
        "described_label": np.array(labels, f"S{_LABEL_BYTES}"),
        "described_uv_per_bit": np.array([one.uv_per_bit or np.nan for one in electrodes], np.float64),
        "described_n_samples": np.array([samples_of(one, header) for one in electrodes], np.uint16),
    }


def _columns(found: SpikeWaveforms, tick_hz: int) -> dict[str, NDArray[Any]]:
    return {
        "electrode_id": found.electrode_id,
        "unit": found.unit,
        "epoch": np.full(len(found), found.clock_segment, np.uint16),
        "tick": found.tick,
        "time_s": found.tick / tick_hz,
        "waveform": found.waveform_uv,
    }


def _recorded_s(survey: NevSurvey, ticks: dict[int, range]) -> float:
    n_ticks = 0
    for segment in survey.segments:
        within = ticks.get(segment.clock_segment, range(0))
        n_ticks += max(min(segment.end_tick, within.stop) - max(segment.first_tick, within.start), 0)
    return n_ticks / survey.header.tick_hz


def waveform_lines(written: WrittenWaveforms) -> list[str]:
    """Return what a person needs to know, a line each."""
    electrodes = {one.electrode_id for one in written.means}
    lines = [
        f"{written.out}: {written.n_spikes:,} spikes of {len(electrodes)} of {len(written.labels)} electrodes "
        f"({written.units.words} units), {written.recorded_s:,.1f} s"
    ]
    lines += [f"  left out: {n:,} {reason}" for reason, n in written.left_out.items()]
    without_scale = sorted({one.electrode_id for one in written.means if np.isnan(one.mean_uv).all()})
    if without_scale:
        lines.append(f"  without a scale in the header, NaN: electrode {', '.join(map(str, without_scale))}")
    table = [
        f"  electrode {one.electrode_id} {written.labels[one.electrode_id]}, unit {one.unit}: {one.n_spikes:,} spikes, "
        f"trough {np.nanmin(one.mean_uv):.1f} uV"
        for one in written.means
        if one.electrode_id not in without_scale
    ]
    lines += table[:_MOST_LINES]
    if len(table) > _MOST_LINES:
        lines.append(f"  ... and {len(table) - _MOST_LINES} more (--json lists all, --report draws all)")
    return lines + [f"  repaired: {sentence}" for sentence in written.repairs]


def waveforms_as_json(written: WrittenWaveforms) -> str:
    """Return the same, and each mean waveform, as JSON."""
    facts = {
        "file": str(written.file),
        "out": str(written.out),
        "simulated": written.simulated,
        "n_spikes": written.n_spikes,
        "recorded_s": written.recorded_s,
        "sample_hz": written.header.sample_hz,
        "units": written.units.words,
        "left_out": written.left_out,
        "means": [
            {
                "electrode_id": one.electrode_id,
                "label": written.labels[one.electrode_id],
                "unit": one.unit,
                "n_spikes": one.n_spikes,
                "mean_uv": [None if np.isnan(value) else float(value) for value in one.mean_uv],
                "sd_uv": [None if np.isnan(value) else float(value) for value in one.sd_uv],
            }
            for one in written.means
        ],
        "repairs": list(written.repairs),
    }
    return json.dumps(facts, indent=2)
