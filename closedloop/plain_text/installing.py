"""The command that installs an extra: closedloop is on no index yet, so that its name alone would find nothing."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from closedloop.plain_text.printed import command_line

_UNKNOWN = Path("/path/to/closedloop")
_PACKAGE = "closedloop"
_FILE = "file://"
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


def install_command(extra: str) -> str:
    """Return the command that installs an extra, from where this closedloop comes.

    That is the clone that it runs from, or else the folder or wheel that it was installed from, where that is still
    there (PEP 610, direct_url.json); as docs/operator_setup.md writes it where nobody knows.
    """
    source = next((place for place in _sources() if _can_be_installed(place)), _UNKNOWN)
    return command_line("pip", "install", f"{source}[{extra}]")


def _sources() -> Iterator[Path]:
    yield Path(__file__).parents[2]
    try:
        told = distribution(_PACKAGE).read_text("direct_url.json")
        url = str(json.loads(told)["url"]) if told else ""
    except (PackageNotFoundError, ValueError, KeyError, TypeError):
        return
    if url.startswith(f"{_FILE}/"):
        path = _PERCENT.sub(lambda found: bytes.fromhex(found[1].decode()), url.removeprefix(_FILE).encode())
        yield Path(os.fsdecode(path))


def _can_be_installed(place: Path) -> bool:
    return (place / "pyproject.toml").is_file() or (place.suffix == ".whl" and place.is_file())
