"""What a person brings of a recorder of another maker: whether anything that its description asks for is there."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.manifest import relative_files
from closedloop.artifacts.recorder import RecorderDescription

_MAP_SUFFIX = ".cmp"


def missing_of(folder: Path, recorder: RecorderDescription) -> str:
    """Return which device's files are not there, in a few words; empty where some of each are.

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
    return ""
