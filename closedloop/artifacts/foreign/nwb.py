"""Spikes and images of a session in NWB, as plain bytes: what HDF5 is asked, in a confined process.

The form is that of the DiCarlo laboratory: `units` with a row an electrode, `intervals/trials` with a row an image. NWB
is HDF5, and the parts that are read are plain columns: no library of NWB's is needed, and none could run code here.
"""

from __future__ import annotations

import math
from typing import Any

import h5py
import numpy as np

from closedloop.artifacts.foreign.laboratory import UnfitError, is_there, own_dataset, text_of
from closedloop.confined.protocol import Answer

_UNITS, _TRIALS, _ELECTRODES = "units", "intervals/trials", "general/extracellular_ephys/electrodes"
_OF_UNITS = (
    *("id", "neuroid_id", "spike_times", "spike_times_index", "obs_intervals", "obs_intervals_index"),
    *("electrodes", "electrodes_index"),
)
_OF_ELECTRODES = ("neuroid_id", "label", "electrode_label", "channel_name", "id")
_DESCRIPTIONS = ("session_description", "identifier", "general/notes", "general/experiment_description")
_MOST_TEXTS = 5_000_000
_SIMULATED = "SIMULATED"  # in capitals, as our own exports say it


def read(path: str, most_bytes: int) -> Answer:
    """Read columns of units, of trials, and the electrodes' names.

    Parameters
    ----------
    path
        The file.
    most_bytes
        Of values that may be read.

    Returns
    -------
    Answer
        Under "found", by table and column as in ``trials.start_time``, the shape and how its values lie in one part,
        as `laboratory.read` says it; the ticks a second of the units' clock, 0 where unknown; whether the file says
        that nothing was recorded; or, under "other", what was expected and found.
    """
    with h5py.File(path, "r") as file:
        try:
            found = _columns(file)
            n_bytes = sum(math.prod(one.shape) * max(one.dtype.itemsize, 1) for one in found.values())
            if n_bytes > most_bytes:
                raise UnfitError(f"at most {most_bytes >> 20:,} MB of values", f"{n_bytes >> 20:,} MB")
            described, parts = dict[str, Any](), list[Any]()
            for name, dataset in found.items():
                said, part = _values(dataset, name)
                described[name] = {"shape": list(dataset.shape), "n_parts": 1, **said}
                parts.append(part)
        except UnfitError as error:
            return {"other": list(error.args)}, []
        spikes = found.get("units.spike_times")
        step = spikes.attrs.get("resolution", 0.0) if spikes is not None else 0.0
        said_of_file = " ".join(_said(file, name) for name in _DESCRIPTIONS)
    step_s = float(np.ravel(step)[0])
    tick_hz = 1 / step_s if step_s > 0 else 0.0
    return {"found": described, "tick_hz": tick_hz, "simulated": _SIMULATED in said_of_file}, parts


def _columns(file: h5py.File) -> dict[str, h5py.Dataset]:
    """Return the columns that there are; those of trials whatever they are called."""
    for name in (_UNITS, _TRIALS):
        if not is_there(file, name) or not isinstance(file[name], h5py.Group):
            raise UnfitError(
                f"a table {name}, as NWB has it", f"a file with {', '.join(sorted(file)[:20]) or 'nothing'}"
            )
    wanted = {f"{_UNITS}/{name}": f"units.{name}" for name in _OF_UNITS}
    wanted |= {f"{_TRIALS}/{name}": f"trials.{name}" for name in file[_TRIALS]}
    wanted |= {f"{_ELECTRODES}/{name}": f"electrodes.{name}" for name in _OF_ELECTRODES}
    there = {said: place for place, said in wanted.items() if is_there(file, place)}
    found = {said: own_dataset(file, place) for said, place in there.items()}
    return {said: one for said, one in found.items() if _is_text(one) or one.dtype.kind in "fiub"}


def _is_text(dataset: h5py.Dataset) -> bool:
    return h5py.check_string_dtype(dataset.dtype) is not None


def _values(dataset: h5py.Dataset, name: str) -> tuple[dict[str, Any], Any]:
    if not _is_text(dataset):
        values = np.ascontiguousarray(dataset[()])
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
        return {"numbers": values.dtype.str}, values.reshape(-1).view(np.uint8)
    if math.prod(dataset.shape) > _MOST_TEXTS:
        raise UnfitError(f"at most {_MOST_TEXTS:,} texts in {name}", f"{math.prod(dataset.shape):,}")
    texts = [text_of(one, name) for one in np.ravel(dataset[()])]
    return {"texts": [len(one) for one in texts]}, b"".join(texts)


def _said(file: h5py.File, name: str) -> str:
    if not is_there(file, name):
        return ""
    dataset = own_dataset(file, name)
    return text_of(dataset[()], name).decode(errors="replace") if _is_text(dataset) and dataset.shape == () else ""
