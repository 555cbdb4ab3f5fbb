"""One run of `benchmarks.detection`, in a process of its own: ``detection_runs.py WHAT [OPTION] FILE``.

Prints the CPU seconds of detection, those of what came before (imports, compilation), the peak memory and the number of
crossings as JSON. What is warmed up is a second of noise. A file alone, so that the peers' Python needs none of ours.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

RATE_HZ, WINDOW_S, MAD = 30_000.0, 10, 0.6745
Detect = Callable[[], int]


def ours(file: Path, name: str) -> Detect:
    """Run the library as the command does: all electrodes, piece by piece, spikes counted as they come."""
    from closedloop.blackrock.nsx.samples import open_samples
    from closedloop.detection.crossings import crossings, detector_of, pieces_of
    from closedloop.detection.definitions import DEFINITIONS
    from closedloop.detection.spikes import detect, spikes_of
    from closedloop.recording.source import ArraySource

    definition = DEFINITIONS[name]
    noise = np.random.default_rng(0).normal(0, 40, (30_000, 1)).astype(np.int16)
    detect(ArraySource((noise,)), definition, electrode_ids=[1])

    def run() -> int:
        samples = open_samples(file, kind="electrode")
        ids = [channel.channel_id for channel in samples.channels]
        detector = detector_of(samples, definition, electrode_ids=ids)
        found = crossings(detector, pieces_of(samples, definition))
        return sum(len(part) for part in spikes_of(found, samples, definition, electrode_ids=ids))

    return run


def neo_whole(file: Path) -> Detect:
    """Run the laboratory's rule on the signal as neo gives it, all of it in memory."""
    from neo.io import BlackrockIO
    from scipy import signal

    notch = signal.tf2sos(*signal.iirnotch(60, 6, fs=RATE_HZ))
    band = signal.ellip(2, 0.1, 40, (300, 6000), btype="bandpass", output="sos", fs=RATE_HZ)

    def run() -> int:
        block = BlackrockIO(str(file), nsx_to_load=6, load_nev=False).read_block(load_waveforms=False)
        (volts,) = block.segments[0].analogsignals
        traces = np.asarray(volts.magnitude, np.float64)
        filtered = signal.sosfiltfilt(band, signal.sosfilt(notch, traces, axis=0), axis=0)
        return sum(
            _crossings(filtered[at : at + int(WINDOW_S * RATE_HZ)], -3.0)
            for at in range(0, len(filtered), int(WINDOW_S * RATE_HZ))
        )

    return run


def neo_chunks(file: Path) -> Detect:
    """Run a causal filter in float32 over raw chunks of a second, state carried on."""
    from neo.rawio import BlackrockRawIO
    from scipy import signal

    sos = signal.butter(4, (300, 6000), btype="bandpass", output="sos", fs=RATE_HZ).astype(np.float32)

    def run() -> int:
        reader = BlackrockRawIO(filename=str(file), nsx_to_load=6, load_nev=False)
        reader.parse_header()
        size, step, n = reader.get_signal_size(0, 0, 0), int(RATE_HZ), 0
        state = None
        for start in range(0, size, step):
            raw = reader.get_analogsignal_chunk(i_start=start, i_stop=min(start + step, size), stream_index=0)
            if state is None:
                state = np.zeros((len(sos), 2, raw.shape[1]), np.float32)
            filtered, state = signal.sosfilt(sos, raw.astype(np.float32), axis=0, zi=state)
            n += _crossings(filtered, -4.0)
        return n

    return run


def spikeinterface(file: Path, method: str) -> Detect:
    """Run SpikeInterface's band-pass and peak detection in one process; warmed up on half a second."""
    from probeinterface import generate_linear_probe
    from spikeinterface import extractors, preprocessing
    from spikeinterface.sortingcomponents.peak_detection import detect_peaks

    def run(seconds: float | None = None) -> int:
        recording = extractors.read_blackrock(str(file))
        if seconds is not None:
            recording = recording.frame_slice(0, int(seconds * RATE_HZ))
        probe = generate_linear_probe(num_elec=recording.get_num_channels(), ypitch=400)
        probe.set_device_channel_indices(np.arange(recording.get_num_channels()))
        recording.set_probe(probe)
        band = preprocessing.bandpass_filter(recording, freq_min=300, freq_max=6000)
        job = {"n_jobs": 1, "progress_bar": False}
        return len(detect_peaks(band, method=method, method_kwargs={"detect_threshold": 4}, job_kwargs=job))

    run(0.5)
    return run


def _crossings(volts: np.ndarray, multiple: float) -> int:
    below = volts < multiple * np.median(np.abs(volts), axis=0) / MAD
    return int((below[1:] & ~below[:-1]).sum())


RUNS = {"ours": ours, "neo_whole": neo_whole, "neo_chunks": neo_chunks, "spikeinterface": spikeinterface}


def main() -> None:
    what, *options, file = sys.argv[1:]
    detect = RUNS[what](Path(file), *options)
    before = time.process_time()
    n_crossings = detect()
    cpu_s = time.process_time() - before
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(json.dumps({"cpu_s": cpu_s, "before_s": before, "peak_mb": peak_mb, "n_crossings": n_crossings}))


if __name__ == "__main__":
    main()
