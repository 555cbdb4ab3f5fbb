"""What NWB's own inspector and validator say of a file: nothing, or the file does not get its name."""

from __future__ import annotations

import warnings
from pathlib import Path

from nwbinspector import InspectorMessage, available_checks, configure_checks, inspect_nwbfile_object, load_config
from pynwb import validate

from closedloop.exchange.nwb.writing import opened

ARCHIVE = "dandi"
"""Of the inspector's configurations, the archive's: other weights of the same checks, as long as it has no own."""

_FAIL_ON_ZARR = {"check_units_table_duration"}  # asks a Zarr array for places of type uint64, which it does not take


def findings(path: Path) -> tuple[str, ...]:
    """Validate a file, and inspect it by the inspector's own rules and by DANDI's, reading it once.

    Parameters
    ----------
    path
        The file, or a Zarr store.

    Returns
    -------
    tuple[str, ...]
        A line for each message; none of a file that archives take.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with opened(path) as stream:
            said = [f"{one.name} {one.location}: {one.reason}" for one in validate(io=stream)]
            own = configure_checks(checks=available_checks)
            archive = configure_checks(checks=available_checks, config=load_config(ARCHIVE))
            names = {check.__name__ for check in own}
            checks = [*own, *(check for check in archive if check.__name__ not in names)]
            if path.is_dir():
                checks = [check for check in checks if check.__name__ not in _FAIL_ON_ZARR]
            said += [_line(one) for one in inspect_nwbfile_object(stream.read(), checks=checks) if one is not None]
    return tuple(dict.fromkeys(said))


def _line(message: InspectorMessage) -> str:
    where = f" {message.location}" if message.location else ""
    text = " ".join(str(message.message).split())
    return f"{message.check_function_name}{where}: {text}"
