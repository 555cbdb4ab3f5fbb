"""The mean waveform of each electrode's spikes, from a sample of a NEV: what costs no pass over the whole file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from closedloop.blackrock.nev.header import NevHeader
from closedloop.blackrock.nev.order import OrderedPackets
from closedloop.blackrock.nev.packets import read_packets
from closedloop.blackrock.nev.waveforms import WaveformReader, readable_electrodes
from closedloop.recording.waveform_means import MeanWaveform, WaveformMeans

_N_RUNS, _PACKETS_A_RUN = 32, 4096  # 130,000 packets, of 96 electrodes over a thousand spikes each, in 14 MB


def sample_mean_waveforms(
    file: Path, header: NevHeader, *, n_runs: int = _N_RUNS, packets_a_run: int = _PACKETS_A_RUN
) -> tuple[MeanWaveform, ...]:
    """Average the waveforms of spikes at moments that are spread evenly over a NEV, all units but noise together.

    Parameters
    ----------
    file, header
        The NEV.
    n_runs, packets_a_run
        So many moments, and packets in a row at each; the whole file where it is shorter.

    Returns
    -------
    tuple of MeanWaveform
        By electrode; of those that have a spike in the sample and a scale in the header.

    Raises
    ------
    RecordingError
        The file cannot be read.
    """
    reader = WaveformReader(file, header, readable_electrodes(header))
    means = WaveformMeans(reader.n_samples)
    for first in _firsts(header.n_packets, n_runs=n_runs, packets_a_run=packets_a_run):
        stop = min(first + packets_a_run, header.n_packets)
        for packets in read_packets(file, header, first=first, stop=stop):
            found = reader.read(OrderedPackets(0, packets, 0))
            means.add(found.electrode_id, np.zeros_like(found.unit), found.waveform_uv)
    return means.finish() if reader.n_samples else ()


def _firsts(n_packets: int, *, n_runs: int, packets_a_run: int) -> list[int]:
    if n_packets <= n_runs * packets_a_run:
        return list(range(0, n_packets, packets_a_run))
    return [run * (n_packets - packets_a_run) // max(n_runs - 1, 1) for run in range(n_runs)]
