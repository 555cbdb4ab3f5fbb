"""What is missing of a recording that is being copied, seen from its files' names and ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from filecmp import cmp
from itertools import combinations
from pathlib import Path

from closedloop.devices.files import find_devices, is_recording, processor_of
from closedloop.errors import RecordingError
from closedloop.recording.clock_limits import MOST_CLOCK_PPM
from closedloop.study.completeness.looks import SeenFile
from closedloop.study.completeness.wanted import WantedFiles

_SLACK_S = 0.5


def recorded(files: Sequence[SeenFile]) -> list[str]:
    """Return the names of the recorder's files that lie directly in the folder, as they have to.

    Parameters
    ----------
    files
        All that lie there.
    """
    return [file.name for file in files if is_recording(Path(file.name)) and "/" not in file.name]


def misplaced(files: Sequence[SeenFile]) -> str:
    """Return a recorder's file that lies in a folder of its own; empty where none does.

    Parameters
    ----------
    files
        All that lie there.
    """
    return next((file.name for file in files if is_recording(Path(file.name)) and "/" in file.name), "")


def missing_in_recording(
    folder: Path, files: Sequence[SeenFile], *, wanted: WantedFiles, session_s: float
) -> tuple[str, str]:
    """Return in a few words what is not there yet, and the name of the file that shows it; empty where all is there.

    Parameters
    ----------
    folder
        Where the recorder's files are put.
    files
        What lies there.
    wanted
        What has to.
    session_s
        Time from the session's first to its last digital code, over all launches of the rig.
    """
    from closedloop.blackrock.ends import read_ends  # noqa: PLC0415 - numpy, once there is a file to look at

    names = recorded(files)
    seconds: dict[tuple[int, str], tuple[float, str]] = {}
    for name in names:
        file = folder / name
        try:
            ends = read_ends(file)
            kind = processor_of(file, arrays=wanted.patterns), file.suffix.lower()
        except RecordingError as error:
            return str(error).replace(f"{file}: ", f"{name}: ").rstrip("."), name
        if ends.fault:
            return f"{name} {ends.fault}", name
        if ends.seconds is not None:  # parts of one recording follow one another: together they last as long
            seconds[kind] = seconds.get(kind, (0.0, name))[0] + ends.seconds, name
    missing = wanted.missing([Path(name) for name in names])
    return (missing, "") if missing else _too_short(seconds.values(), session_s)


def _too_short(files: Iterable[tuple[float, str]], session_s: float) -> tuple[str, str]:
    """Compare how long each kind of file lasts with the session."""
    needed_s = session_s * (1 - MOST_CLOCK_PPM / 1e6) - _SLACK_S
    for seconds, name in files:
        if needed_s - seconds >= 1:
            return f"{name} is {needed_s - seconds:.0f} s shorter than the session", name
    return "", ""


def copied(folder: Path, files: Sequence[SeenFile], *, patterns: Sequence[str]) -> tuple[str, str] | None:
    """Find two recordings of one array that are one: "array1" and "array1 (1)", "Copy of array1", "array1-s".

    Parameters
    ----------
    folder
        Where they lie.
    files
        What lies there; what cannot be read yet is said elsewhere.
    patterns
        Of the arrays' names, as in `find_devices`.
    """
    names = recorded(files)
    if len({Path(name).stem.lower() for name in names}) < 2:
        return None
    from closedloop.devices.succession import begun_together  # noqa: PLC0415 - numpy, once there is a file to look at

    try:
        devices = find_devices([folder / name for name in names], arrays=patterns)
        return next((pair for device in devices if (pair := begun_together(device))), None)
    except RecordingError:
        return None


def twins(folder: Path, files: Sequence[SeenFile]) -> tuple[str, str] | None:
    """Find two of the recorder's files that are one file under two names; None where each is its own.

    No two processors record the same: an array's files were copied under the names of another's. Files are read until
    they differ, which they do at once.

    Parameters
    ----------
    folder
        Where they lie.
    files
        What lies there; an empty one is still to be filled.
    """
    names = set(recorded(files))
    of_size: dict[tuple[str, int], list[str]] = {}
    for file in files:
        if file.name in names and file.n_bytes:
            of_size.setdefault((Path(file.name).suffix.lower(), file.n_bytes), []).append(file.name)
    pairs = (pair for alike in of_size.values() for pair in combinations(alike, 2))
    return next((pair for pair in pairs if cmp(folder / pair[0], folder / pair[1], shallow=False)), None)
