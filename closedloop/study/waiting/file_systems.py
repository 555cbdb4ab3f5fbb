"""Whether the kernel of this machine hears of every change of a folder's files, or only whoever looks at them.

A file that another machine writes to a network share changes without a word to this one. So only file systems of which
it is known are trusted to tell; on all others one has to look again and again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

_TELLING = frozenset(  # of this machine's own disks and memory: nobody else writes to them
    ("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "bcachefs", "tmpfs", "ramfs", "overlay")
)
_MOUNTS = Path("/proc/self/mountinfo")
_ESCAPED = re.compile(r"\\([0-7]{3})")  # a blank in a path is \040 there


def changes_are_told(folders: Sequence[Path], *, mounts: str | None = None) -> bool:
    """Return whether every one of the folders lies on a file system whose changes the kernel tells.

    Parameters
    ----------
    folders
        Where; links are followed. One that is not there yet counts as its parent.
    mounts
        What the kernel says is mounted, as /proc/self/mountinfo has it; read by default.
    """
    mounted = list(_mounted(_read_mounts() if mounts is None else mounts))
    return all(file_system_of(os.path.realpath(folder), mounted) in _TELLING for folder in folders)


def file_system_of(path: str, mounted: Sequence[tuple[str, str]]) -> str:
    """Return the kind of file system that a path lies on; empty where nobody knows.

    Parameters
    ----------
    path
        Absolute, without links.
    mounted
        (mount point, kind), in the order in which they were mounted: a later one hides an earlier one of its place.

    Examples
    --------
    >>> file_system_of("/data/study", [("/", "ext4"), ("/data", "nfs4")])
    'nfs4'
    """
    best, kind = "", ""
    for point, its_kind in mounted:
        if len(point) >= len(best) and (path == point or path.startswith(point.rstrip("/") + "/")):
            best, kind = point, its_kind
    return kind


def _mounted(mounts: str) -> Iterator[tuple[str, str]]:
    """Yield mount points and kinds from proc(5): `36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/sda1 rw`."""
    for line in mounts.splitlines():
        place, _, described = line.partition(" - ")
        fields, kind = place.split(" "), described.split(" ")[0]
        if len(fields) > 4 and kind:
            yield _ESCAPED.sub(lambda digits: chr(int(digits[1], 8)), fields[4]), kind


def _read_mounts() -> str:
    try:
        return _MOUNTS.read_text(errors="surrogateescape")
    except OSError:  # no Linux: nothing is known of any file system
        return ""
