"""SpikeGLX' own note of each file's size, which neo passes over: a .bin of another size is no whole copy.

"Metadata" of the manual: `fileSizeBytes` is written when the file is closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_KEY = "fileSizeBytes"
_MOST_DIGITS = 18  # an exabyte
_COMPRESSED = ".cbin"  # what mtscomp leaves of a .bin, beside the .meta of the whole


def other_sizes(path: Path) -> tuple[str, ...]:
    """Return a sentence for each SpikeGLX .bin that has not the size that its .meta names; none where all have.

    Parameters
    ----------
    path
        A folder, with all below it, or a file.
    """
    metas = sorted(path.rglob("*.meta")) if path.is_dir() else [path.with_suffix(".meta")]
    return tuple(said for meta in metas for said in _said(meta))


def _said(meta: Path) -> Iterator[str]:
    binary = meta.with_suffix(".bin")
    expected, is_spike_glx = _named_size(meta)
    if not is_spike_glx or meta.with_suffix(_COMPRESSED).is_file():
        return
    found = binary.stat().st_size if binary.is_file() else None
    if found is None:
        yield f"{binary.name} is not there, whose {meta.name} is"
    elif expected is None:
        yield f"{meta.name} names no {_KEY}: the recording was not ended as it should be"
    elif found != expected:
        yield f"{binary.name} has {found:,} bytes, and {expected:,} by {_KEY} in {meta.name}: it is no whole copy"


def _named_size(meta: Path) -> tuple[int | None, bool]:
    """Read the size, and whether the file is one of SpikeGLX' at all."""
    try:
        lines = meta.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return None, False
    values = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    size = values.get(_KEY, "")
    return int(size) if size.isdecimal() and len(
        size
    ) <= _MOST_DIGITS else None, _KEY in values or "nSavedChans" in values
