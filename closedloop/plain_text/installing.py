"""The command that installs an extra: closedloop is on no index yet, so that its name alone would find nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

from closedloop.plain_text.printed import command_line

_UNKNOWN = Path("/path/to/closedloop")
_PACKAGE = "closedloop"


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
        url = urlsplit(json.loads(told)["url"]) if told else urlsplit("")
    except (PackageNotFoundError, ValueError, KeyError, TypeError):
        return
    if url.scheme == "file":
        yield Path(unquote(url.path))


def _can_be_installed(place: Path) -> bool:
    return (place / "pyproject.toml").is_file() or (place.suffix == ".whl" and place.is_file())
