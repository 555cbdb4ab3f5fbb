"""Whether anything of a study changed since its loop ended: a person repaired, brought or decided something."""

from __future__ import annotations

import os
from pathlib import Path

from closedloop.artifacts.study import REPORT_PAGES

StudyLook = frozenset[tuple[str, int, int, int]]
"""Every file of a study by name, size, time of writing and number on its disk."""


def look_at(root: Path) -> StudyLook:
    """Return what lies in a study, without its pages, which are drawn anew whenever somebody asks for them."""
    found = []
    for parent, folders, names in os.walk(root):
        folders[:] = [name for name in folders if Path(parent, name) != root / REPORT_PAGES]
        for name in names:
            path = Path(parent, name)
            try:
                status = path.stat()
            except OSError:  # removed in this moment, or a link to nothing
                continue
            found.append((str(path.relative_to(root)), status.st_size, status.st_mtime_ns, status.st_ino))
    return frozenset(found)
