"""What NWB's own inspector and validator say of a file: nothing, or the file does not get its name."""

from __future__ import annotations

import warnings
from pathlib import Path

from nwbinspector import InspectorMessage, inspect_nwbfile, load_config

_CONFIGS = (None, "dandi")  # the inspector's own rules, and the archive's


def findings(path: Path) -> tuple[str, ...]:
    """Validate a file, and inspect it by the inspector's own rules and by DANDI's.

    Parameters
    ----------
    path
        The file, or a Zarr store.

    Returns
    -------
    tuple[str, ...]
        A line for each message; none of a file that archives take.
    """
    said: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, name in enumerate(_CONFIGS):
            config = load_config(name) if name is not None else None
            found = inspect_nwbfile(path, config=config, skip_validate=number > 0)
            said += [_line(one) for one in found if one is not None]
    return tuple(dict.fromkeys(said))


def _line(message: InspectorMessage) -> str:
    where = f" {message.location}" if message.location else ""
    text = " ".join(str(message.message).split())
    return f"{message.check_function_name}{where}: {text}"
