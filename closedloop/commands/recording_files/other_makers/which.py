"""Whose file it is, without importing neo: its own suffix or folder tells, or a recorder's description."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_SUFFIXES = frozenset(
    {
        *(".rhd", ".rhs", ".plx", ".pl2", ".oebin", ".continuous", ".meta", ".bin", ".tbk", ".tsq", ".tev", ".sev"),
        *(".ncs", ".nse", ".ntt", ".nex", ".nex5", ".smr", ".smrx", ".rec", ".edf", ".mcd"),
    }
)
_IN_FOLDERS = ("structure.oebin", "*.meta", "*.tsq", "*.ncs", "*.continuous", "*.rhd", "*.rhs", "*.plx", "*.pl2")

RecorderOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="YAML that describes a recorder of another maker, read by neo: its streams and lines"
    ),
]


def is_of_other_maker(path: Path, recorder: Path | None = None) -> bool:
    """Return whether neo is to read a file or folder."""
    if path.is_dir() and recorder is None:
        return any(next(path.rglob(pattern), None) is not None for pattern in _IN_FOLDERS)
    if path.suffix.lower() == ".bin" and not path.with_suffix(".meta").is_file():
        return recorder is not None  # anything can be called that: SpikeGLX's has its .meta beside it
    return recorder is not None or path.suffix.lower() in _SUFFIXES
