"""Tables of a session in NWB: units, trials, electrodes, as columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from closedloop.artifacts.imported.laboratory import arrays_of
from closedloop.confined.asking import run_confined
from closedloop.confined.protocol import ConfinedError, FunctionPlace, Limits
from closedloop.errors import DocumentError
from closedloop.storage import reading

_READ = FunctionPlace("closedloop.artifacts.foreign.nwb", "read")
_READ_BYTES_PER_S, _GROWTH = 20e6, 3.0
_MOST_BYTES = 4 << 30


@dataclass(frozen=True)
class NwbTables:
    """What an NWB file says of a session.

    Attributes
    ----------
    units, trials, electrodes
        Columns by name; of a column of several values a unit also where each unit's end (``_index``).
    tick_hz
        Of the clock that spikes were timed by; 0 where the file does not say.
    simulated
        Whether it says that nothing was recorded.
    """

    units: Mapping[str, NDArray[Any]]
    trials: Mapping[str, NDArray[Any]]
    electrodes: Mapping[str, NDArray[Any]]
    tick_hz: float
    simulated: bool


def read_nwb(path: Path) -> NwbTables:
    """Read units, trials and electrodes of an NWB file (HDF5), in a process with limits.

    Raises
    ------
    DocumentError
        It is none, or lacks one of the tables.
    """
    try:
        with reading(path):
            n_bytes = path.stat().st_size
        limits = Limits.of_file(n_bytes, bytes_per_s=_READ_BYTES_PER_S, growth=_GROWTH)
        answer, parts = run_confined(_READ, str(path), max(_MOST_BYTES, n_bytes), limits=limits)
        found = arrays_of(answer.get("found", {}), parts)
    except (ConfinedError, OSError, ValueError, KeyError, TypeError) as error:
        raise DocumentError(
            f"{path}: expected an NWB file, found a damaged one or none ({str(error)[:120]}). Copy it again."
        ) from None
    if "other" in answer:
        expected, otherwise = answer["other"]
        raise DocumentError(f"{path}: expected {expected}, found {otherwise}. Give a file of this form.")
    tables = {
        table: {name.partition(".")[2]: column for name, column in found.items() if name.startswith(f"{table}.")}
        for table in ("units", "trials", "electrodes")
    }
    return NwbTables(**tables, tick_hz=float(answer["tick_hz"]), simulated=bool(answer["simulated"]))
