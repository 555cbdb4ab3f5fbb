"""The page's own files, read once from the package: what is asked for is a key of a table, never a path."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from closedloop.storage import read_bytes, sha256_bytes

_TYPES: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_FOLDER: Final = Path(__file__).parents[1] / "static"
_NAMES: Final = (
    *("page.css", "days.css", "page.js", "charts.js", "asked.js", "icon.svg"),
    *("vendor/htmx.min.js", "vendor/uPlot.iife.min.js", "vendor/uPlot.min.css"),
)


@cache
def page_files() -> dict[str, tuple[bytes, str, str]]:
    """Return content, media type and tag of each file by its name."""
    contents = {name: read_bytes(_FOLDER / name) for name in _NAMES}
    return {
        name: (content, _TYPES[name[name.rindex(".") :]], f'"{sha256_bytes(content)[:16]}"')
        for name, content in contents.items()
    }
