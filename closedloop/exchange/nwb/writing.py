"""NWB files on the disk: HDF5, or Zarr where its library is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pynwb import NWBHDF5IO, NWBFile, get_manager


def write_nwb(file: NWBFile, path: Path, *, then: Callable[[Any], None] | None = None) -> None:
    """Write a file as HDF5.

    Parameters
    ----------
    file
        What to write.
    path
        The file: new.
    then
        Called with the open file of h5py that hdmf has written, to write more into it.
    """
    with NWBHDF5IO(str(path), "w") as stream:
        stream.write(file, link_data=False)
        if then is not None:
            then(stream._file)


def write_zarr(file: NWBFile, path: Path) -> None:
    """Write a file as a Zarr store.

    Parameters
    ----------
    file
        What to write.
    path
        The folder: new.
    """
    from hdmf_zarr import ZarrIO  # noqa: PLC0415 - most files are HDF5
    from numcodecs import JSON  # noqa: PLC0415 - comes with it; without it references are pickles, which nobody may load

    with ZarrIO(str(path), manager=get_manager(), mode="w", object_codec_class=JSON) as stream:
        stream.write(file, link_data=False)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a file, or a Zarr store, to read it."""
    backend = _zarr_backend() if path.is_dir() else NWBHDF5IO
    with backend(str(path), mode="r") as stream:
        yield stream


def _zarr_backend() -> Any:
    from hdmf_zarr.nwb import NWBZarrIO  # noqa: PLC0415 - most files are HDF5

    return NWBZarrIO
