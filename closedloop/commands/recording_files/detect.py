"""`closedloop recording detect`: threshold crossings of a file, by a named definition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from closedloop.artifacts.arrays import SPIKES, write_arrays
from closedloop.errors import RecordingError
from closedloop.recording.detection import detect
from closedloop.recording.nsx import open_samples
from closedloop.recording.spike_definitions import DEFINITIONS


def detect_to_file(file: Path, out: Path, *, definition: str) -> str:
    """Detect threshold crossings on every electrode of a file and write them; return what to tell the user.

    Raises
    ------
    RecordingError
        The definition is unknown, or the file has no raw electrode.
    """
    if definition not in DEFINITIONS:
        raise RecordingError(f"definition {definition}: expected one of {', '.join(DEFINITIONS)}. Correct the name.")
    samples = open_samples(file, kind="electrode")
    electrodes = [channel.channel_id for channel in samples.channels]
    if not electrodes:
        raise RecordingError(
            f"{file}: expected electrodes, found analog inputs only. Choose the file with raw voltage."
        )
    spikes = detect(samples, DEFINITIONS[definition], electrode_ids=electrodes)
    arrays: dict[str, NDArray[Any]] = {
        "electrode_id": spikes.electrode_id,
        "epoch": spikes.epoch,
        "tick": spikes.tick,
        "time_s": spikes.tick / samples.tick_hz,
    }
    source = DEFINITIONS[definition].source
    write_arrays(
        out, SPIKES, arrays, simulated=False, attributes={"definition": definition, "source": source, "file": file.name}
    )
    return f"{out}: {len(spikes)} threshold crossings on {len(electrodes)} electrodes by {definition}"
