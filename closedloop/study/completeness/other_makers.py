"""What a person brings of a recorder of another maker: whether what its description asks for is there, and whole."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.manifest import relative_files
from closedloop.artifacts.recorder import RecorderDescription
from closedloop.neo_files.file_sizes import other_sizes

_MAP_SUFFIX = ".cmp"


def missing_of(folder: Path, recorder: RecorderDescription) -> str:
    """Return in a few words which device's files are not there, or not whole; empty where some of each are.

    Parameters
    ----------
    folder
        Of the day's recording.
    recorder
        The study's.
    """
    there = [name for name in relative_files(folder) if not name.lower().endswith(_MAP_SUFFIX)]
    if not there:
        return "the recording is not there"
    for number, device in enumerate(recorder.devices, start=1):
        if device.files != "." and not any(folder.glob(device.files)):
            return f"the files of {device.name or f'device {number}'} ({device.files}) are not there"
    return next(iter(other_sizes(folder)), "")
