"""All that reads, writes, syncs and renames: files that exist whole or not at all, and what a failing disk is called.

- `faults`: What the operating system says of a disk, as one line with a remedy.
- `files`: Reading a file, and writing one: beside, fsync, rename, fsync the folder.
- `folders`: Making, publishing and removing folders, with durable names.
- `arrays`: numpy's files.
- `locks`: A lock that is held for an instant.
- `parts`: Files of which some bytes alone are here.
- `places`: Where a path leads, and where a result may be put.

Nothing else in the house opens a file to write, renames or removes one; tests/architecture/test_storage_alone.py names
the exceptions.
"""

from closedloop.storage.faults import is_failing_disk, reading, storage_errors
from closedloop.storage.files import (
    append_to,
    atomic_file,
    atomic_stream,
    change_in_place,
    copy_file,
    leave_note,
    open_new,
    open_to_read,
    read_bytes,
    remove_file,
    remove_note,
    sha256_bytes,
    sha256_file,
    write_bytes,
)
from closedloop.storage.folders import (
    link_folder,
    make_folder,
    publish_folder,
    remove_folder,
    rename,
    sweep,
    sync_folder,
    sync_tree,
)
from closedloop.storage.locks import folder_held_alone, held_alone, locked
from closedloop.storage.parts import FilePart, PartMissingError, partly_here, refuse_missing_part
from closedloop.storage.places import resolved

__all__ = [
    "FilePart",
    "PartMissingError",
    "append_to",
    "atomic_file",
    "atomic_stream",
    "change_in_place",
    "copy_file",
    "folder_held_alone",
    "held_alone",
    "is_failing_disk",
    "leave_note",
    "link_folder",
    "locked",
    "make_folder",
    "open_new",
    "open_to_read",
    "partly_here",
    "publish_folder",
    "read_bytes",
    "reading",
    "refuse_missing_part",
    "remove_file",
    "remove_folder",
    "remove_note",
    "rename",
    "resolved",
    "sha256_bytes",
    "sha256_file",
    "storage_errors",
    "sweep",
    "sync_folder",
    "sync_tree",
    "write_bytes",
]
