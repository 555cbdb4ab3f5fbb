"""`closedloop recording info FOLDER`: which devices and parts the files of a folder make, by their names."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from closedloop.blackrock.companions import companion_of
from closedloop.devices.files import DeviceFiles, find_devices, is_recording
from closedloop.errors import RecordingError

_MEGABYTE = 1e6


@dataclass(frozen=True)
class FolderInfo:
    """The devices of a folder, and what else is in it, file by file."""

    folder: Path
    devices: tuple[DeviceFiles, ...]
    others: tuple[tuple[Path, str], ...]


def describe_folder(folder: Path) -> FolderInfo:
    """Group the recorder's files of a folder as ingest does; no file but headers of others is read.

    Raises
    ------
    RecordingError
        There is no recording in it, or a file cannot be read.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if not any(is_recording(file) for file in files):
        raise RecordingError(
            f"{folder}: expected .nev and .ns1 to .ns6 files, found none among {len(files)}. "
            "Give the folder with the recorder's files."
        )
    others = [file for file in files if not is_recording(file)]
    return FolderInfo(folder, find_devices(files), tuple((file, _what(file)) for file in others))


def _what(file: Path) -> str:
    companion = companion_of(file)
    return companion.what if companion is not None else "not one of the recorder's files"


def folder_lines(info: FolderInfo) -> list[str]:
    """Return what a person needs to know, a line each."""
    n_parts = sum(len(device.recordings) for device in info.devices)
    lines = [f"{info.folder}: {_some(len(info.devices), 'device')}, {_some(n_parts, 'part')}"]
    for device in info.devices:
        order = ", one after the other" if len(device.recordings) > 1 else ""
        lines.append(f"  device {device.processor}: {_some(len(device.recordings), 'part')}{order}")
        for part in device.recordings:
            sizes = ", ".join(f"{file.name} ({file.stat().st_size / _MEGABYTE:,.1f} MB)" for file in part.files)
            lines.append(f"    {part.stem}: {sizes}{'' if part.nev else '; no .nev, so no codes of its own'}")
    return lines + [f"  {file.name}: {what}" for file, what in info.others]


def _some(n: int, what: str) -> str:
    return f"{n} {what}" + ("" if n == 1 else "s")


def folder_as_json(info: FolderInfo) -> str:
    """Return the same as JSON."""
    facts: dict[str, Any] = {
        "folder": str(info.folder),
        "devices": [
            {
                "name": device.name,
                "processor": device.processor,
                "parts": [
                    {
                        "stem": part.stem,
                        "nev": part.nev.name if part.nev else None,
                        "nsx": [file.name for file in part.nsx],
                        "n_bytes": sum(file.stat().st_size for file in part.files),
                    }
                    for part in device.recordings
                ],
            }
            for device in info.devices
        ],
        "others": [{"file": file.name, "what": what} for file, what in info.others],
    }
    return json.dumps(facts, indent=2)
