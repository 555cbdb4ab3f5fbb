"""What a file is by its name, where people and copy programs put files."""

from __future__ import annotations

import re

_COPYING_SUFFIX = re.compile(
    r"\.(part|partial|filepart|tmp|temp|crdownload|download|opdownload|aria2|!ut|rsync)$|~$", re.IGNORECASE
)
_COPYING_PREFIX = re.compile(r"^(\.goutputstream-|\.syncthing\.|~syncthing~|\.fuse_hidden)")
_RSYNC = re.compile(r"^\.[^.].*\.[A-Za-z0-9]{6}$")  # rsync writes .array1.nev.Xy12Zz and renames it
_HIDDEN_RECORDING = re.compile(r"^\.[^_].*\.(nev|ns[1-6])$", re.IGNORECASE)
_COPYING_FOLDERS = {".~tmp~", ".rsync-partial", ".rsync-tmp"}
_SUMS = re.compile(
    r"^((sha(1|224|256|384|512)|md5)sums?|checksums?|hashes)(\.txt)?$"
    r"|\.((sha(1|224|256|384|512)|md5)(sums?)?)(\.txt)?$",
    re.IGNORECASE,
)
_DONE = re.compile(r"^\.?(done|_?success|copy[-_ ]?(done|complete))(\.txt)?$", re.IGNORECASE)


def is_copying(name: str) -> bool:
    """Return whether a copy program is still at work under this name; a posix path relative to the folder."""
    *folders, last = name.split("/")
    return bool(
        _COPYING_FOLDERS & set(folders)
        or _COPYING_SUFFIX.search(last)
        or _COPYING_PREFIX.match(last)
        or _RSYNC.match(last)
        or _HIDDEN_RECORDING.match(last)
    )


def is_sums(name: str) -> bool:
    """Return whether this is a list of checksums: SHA256SUMS, array1.nev.sha256 and the like."""
    return bool(_SUMS.search(name.rpartition("/")[2]))


def is_done(name: str) -> bool:
    """Return whether this says that a copy is at its end: DONE and the like."""
    return bool(_DONE.match(name.rpartition("/")[2]))
