"""Labelled arrays as the bytes of a netCDF-4 file, made in memory: HDF5 does not survive a disk that fails."""

from __future__ import annotations

import io
from typing import Any

import xarray as xr

_PACKED = {"zlib": True, "complevel": 4, "shuffle": True}


def netcdf_bytes(arrays: xr.Dataset) -> bytes:
    """Return the content of a netCDF-4 file: numbers of several axes packed, texts as they are.

    Parameters
    ----------
    arrays
        Variables and coordinates, none of them an index of several levels, which netCDF cannot have.
    """
    encoding: dict[str, dict[str, Any]] = {
        str(name): dict(_PACKED) if one.ndim > 1 and one.dtype.kind in "fiub" else {}
        for name, one in arrays.variables.items()
    }
    stream = io.BytesIO()
    arrays.to_netcdf(stream, engine="h5netcdf", encoding=encoding)
    return stream.getvalue()
