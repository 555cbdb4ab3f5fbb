"""`closedloop recording make`: a small session with its recording, sound or with the faults asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from closedloop.artifacts.protocol.recorder_faults import LINE_FAULTS, RECORDER_FAULTS, LineFault, RecorderFault
from closedloop.blackrock.nsx.layout import NSX_LAYOUTS
from closedloop.errors import RecordingError
from closedloop.execution.progress import ProgressCallback
from closedloop.plain_text.suggestions import one_of
from closedloop.simulation.sessions import MadeSession, make_session
from closedloop.storage import storage_errors
from closedloop.storage.places import refuse_no_folder

_FAULTS: dict[str, RecorderFault | LineFault] = {
    **{name: name for name in RECORDER_FAULTS},
    **{name: name for name in LINE_FAULTS},
}


def fault_lines() -> list[str]:
    """Return what each fault is, one a line."""
    named = [*RECORDER_FAULTS.items(), *LINE_FAULTS.items()]
    width = max(len(name) for name, _ in named)
    return [f"{name:<{width}}  {line}" for name, line in named]


def make_in_folder(
    folder: Path,
    *,
    specification: str,
    seconds: float,
    n_channels: int,
    n_processors: int,
    faults: Sequence[str],
    seed: int,
    progress: ProgressCallback,
) -> list[str]:
    """Make a session; return the lines to print.

    Parameters
    ----------
    folder
        A new or empty folder.
    specification
        "2.1" to "3.0-ptp", of both kinds of file.
    seconds
        Length of the session.
    n_channels, n_processors
        Number of electrodes in total, and of NSPs.
    faults
        Names of what goes wrong.
    seed
        A different seed gives a different session.
    progress
        Called with (done, total) samples as the files grow.

    Raises
    ------
    OptionError
        Nothing of the kind exists.
    RecordingError, StorageError
        The folder is used, or nowhere.
    """
    _check_names(specification, n_processors, faults)
    refuse_no_folder(folder, option="FOLDER")
    with storage_errors(folder):  # a name may be too long to be asked for
        is_used = folder.exists() and any(folder.iterdir())
    if is_used:
        raise RecordingError(f"{folder}: expected a new or empty folder, found files in it. Give another one.")
    wanted = MadeSession(
        specification=specification,
        seconds=seconds,
        n_channels=n_channels,
        n_processors=n_processors,
        faults=tuple(_FAULTS[name] for name in dict.fromkeys(faults)),
        seed=seed,
    )
    with storage_errors(folder):
        make_session(folder, wanted, progress=progress)
    return [f"{path}: {path.stat().st_size / 1e6:.1f} MB" for path in sorted(folder.iterdir())]


def _check_names(specification: str, n_processors: int, faults: Sequence[str]) -> None:
    for name in faults:
        one_of(_FAULTS, name, option="--fault")
    one_of(NSX_LAYOUTS, specification, option="--specification")
    if n_processors not in (1, 2):
        raise RecordingError(f"{n_processors} processors: expected 1 or 2. Choose one of them.")
