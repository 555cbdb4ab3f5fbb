"""Documents are read, written, synced, renamed and removed in `closedloop.storage` alone.

A failing disk is one line there.

Who has a reason to do without stands here by name, with what it does.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.house import CODE

OF_PATHS = {  # methods of a path, whatever the variable is called
    *("read_bytes", "read_text", "write_bytes", "write_text", "touch", "unlink", "rmdir", "mkdir", "rename"),
    *("symlink_to", "hardlink_to", "savefig", "tofile", "open_memmap"),
}
OF_MODULES = {
    "os": {
        *("open", "rename", "renames", "replace", "unlink", "remove", "rmdir", "removedirs", "mkdir"),
        *("makedirs", "truncate", "ftruncate", "fsync", "fdatasync", "sync", "link", "symlink"),
    },
    "shutil": {"rmtree", "move", "copy", "copy2", "copyfile", "copytree"},
    "np": {
        *("save", "savez", "savez_compressed", "savetxt", "load", "loadtxt", "genfromtxt", "fromfile", "memmap"),
    },
    "torch": {"save", "load"},
    "h5py": {"File"},
    "sqlite3": {"connect"},
    "pq": {"read_table", "write_table", "ParquetFile", "ParquetWriter"},
    "csv": {"CSVWriter", "open_csv"},
}
BARE = {"open", "save_file", "safe_open"}
PROC = {"read_text"}  # what the kernel says of the machine is no file on a disk

ALLOWED = {
    # the homes of libraries that open their files themselves; what they write is the temporary name of `atomic_file`
    "closedloop/artifacts/arrays.py": {"h5py.File"},
    "closedloop/artifacts/foreign/arrow.py": {"pq.ParquetWriter", "pq.write_table", "csv.CSVWriter"},
    "closedloop/models/weight_files.py": {"safe_open"},
    "closedloop/simulation/cortex/training.py": {"safe_open", "save_file"},
    "closedloop/report/drawing.py": {"savefig"},  # into memory
    "closedloop/training/resumable.py": {"torch.load", "torch.save"},  # in memory
    # SQLite has its own care for the disk; a lock is what is open, a file or a folder, and is never whole or half
    "closedloop/study/ledger.py": {"sqlite3.connect"},
    "closedloop/study/database/copies.py": {"sqlite3.connect"},  # of a copy, in a folder of its own
    "closedloop/study/process/lock.py": {"open"},
    "closedloop/service/place.py": {"open", "os.open"},
    "closedloop/study/foresight/place.py": {"mkdir", "os.open", "rename", "rmdir", "shutil.rmtree", "unlink"},
    # a journal is appended to and synced line by line, and locked in the file itself
    "rig/session/journal.py": {"rmdir"},
    "rig/session/lock.py": {"open", "unlink"},
    "rig/session/gaze_writer.py": {"open"},  # appended to as well, between trials
    # a socket is no file: it is gone with the rig, and nothing is lost with it
    "rig/operator/mailbox.py": {"mkdir", "os.open", "unlink"},
    # a cache of machine code: whatever fails there, it is compiled again
    "closedloop/detection/loops/compiled.py": {"mkdir", "read_bytes", "unlink", "write_bytes"},
    # recordings: ranges of huge files, in rooms that name the recorder's fault
    "closedloop/blackrock/companions.py": {"open"},
    "closedloop/blackrock/ends.py": {"open"},
    "closedloop/blackrock/info.py": {"open"},
    "closedloop/blackrock/maps.py": {"open"},
    "closedloop/blackrock/nev/header.py": {"open"},
    "closedloop/blackrock/nev/packets.py": {"open"},
    "closedloop/blackrock/nsx/header.py": {"open"},
    "closedloop/blackrock/nsx/samples.py": {"open"},
    "closedloop/neo_files/file_sizes.py": {"read_text"},
    "closedloop/neo_files/sample_numbers.py": {"np.fromfile"},
    # from outside, within limits of size, time and memory; a failing disk is told in the storage's words
    "closedloop/artifacts/foreign/hdf5.py": {"h5py.File"},
    "closedloop/artifacts/foreign/laboratory.py": {"h5py.File"},
    "closedloop/artifacts/foreign/monkeylogic.py": {"open"},
    "closedloop/artifacts/foreign/mworks.py": {"sqlite3.connect"},
    "closedloop/artifacts/foreign/nwb.py": {"h5py.File"},
    "closedloop/models/exchange/load.py": {"read_bytes", "read_text"},  # runs where there is no closedloop
    "closedloop/artifacts/foreign/places.py": {"os.open"},
    "closedloop/artifacts/foreign/parquet.py": {"pq.ParquetFile"},
    "closedloop/confined/npy.py": {"np.memmap", "open", "os.open"},
    "closedloop/models/torch_files.py": {"torch.load"},
    "closedloop/confined/helper.py": {"open"},
    "closedloop/plain_text/limits.py": {"open"},
    "closedloop/plain_text/installing.py": {"read_text"},  # of what pip wrote down of this package
    "closedloop/execution/dask.py": {"os.open"},  # keys of one run that nobody else may read
    "closedloop/execution/stored/there.py": {"mkdir"},  # of a worker's own, gone with the piece: nothing to sync
    "closedloop/study/foresight/images.py": {"touch"},  # tries whether the machine's own folder takes files
    # what is said where nothing else can be said any more
    "closedloop/terminal/faults.py": {"mkdir"},
    "closedloop/terminal/streams.py": {"os.open"},
    # of the machine, or of the repository when a developer asks for it
    "closedloop/artifacts/schemas.py": {"mkdir", "unlink", "write_text"},
    "closedloop/attacks/engine/batch_size.py": PROC,
    "closedloop/attacks/precision.py": PROC,
    "closedloop/commands/doctor.py": PROC,
    "closedloop/service/children/leftovers.py": {"read_bytes"},  # likewise
    "closedloop/study/memory.py": {"read_text", "write_text"},
    "closedloop/study/waiting/file_systems.py": PROC,
    "rig/session/boot.py": PROC,
}


def used(tree: ast.AST) -> Iterator[str]:
    """Yield what a file does to files, by the name of the call."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        if isinstance(call.func, ast.Name) and call.func.id in BARE:
            yield call.func.id
        if isinstance(call.func, ast.Attribute):
            yield from _of_method(call, call.func)


def _of_method(call: ast.Call, method: ast.Attribute) -> Iterator[str]:
    name, of = method.attr, _last_name(method.value)
    if name in OF_MODULES.get(of, ()):
        yield f"{of}.{name}"
        return
    renames = name == "replace" and len(call.args) == 1 and not call.keywords  # a text's takes two
    if renames or name in OF_PATHS or (name == "open" and of != "Image"):
        yield name


def _last_name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


@pytest.mark.parametrize("path", [path for path in CODE if not path.startswith("closedloop/storage/")])
def test_a_file_leaves_reading_and_writing_to_the_storage(path: str) -> None:
    assert set(used(CODE[path])) == ALLOWED.get(path, set())


@pytest.mark.parametrize(
    "line",
    [
        *("path.write_text('x')", "open(path, 'w')", "path.open('rb')", "os.replace(a, b)", "temporary.replace(path)"),
        *("np.save(path, array)", "np.lib.format.open_memmap(path)", "shutil.rmtree(folder)", "os.fsync(descriptor)"),
        *("folder.mkdir()", "h5py.File(path)", "torch.save(state, path)", "figure.savefig(path)", "path.read_bytes()"),
    ],
)
def test_a_planted_call_is_seen(line: str) -> None:
    assert set(used(ast.parse(line)))


def test_what_only_looks_like_one_is_not() -> None:
    harmless = (
        "text.replace('a', 'b'); replace(document, day=1)\nImage.open(content); read_bytes(path); names.remove(1)"
    )
    assert not set(used(ast.parse(harmless)))
