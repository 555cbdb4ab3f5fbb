"""The disk that the campaign of faults rebuilds: what was synced survives, a file without a name leaves none."""

from __future__ import annotations

from pathlib import Path

from tools.faults.durable import DiskNode, Operation, durable_states, write_state


def test_what_was_synced_survives_and_a_file_without_a_name_leaves_none(tmp_path: Path) -> None:
    disk, store = tmp_path / "disk", tmp_path / "store"
    store.mkdir()
    (store / "3").write_bytes(b"kept")
    done = [
        ("mkdir", disk / "day"),
        ("write", disk / "day" / "journal"),
        ("sync", disk / "day" / "journal"),
        ("write", disk / "day" / "#2171547 (deleted)"),  # as the kernel calls a file that was opened without a name
        ("write", disk / "day" / "lost"),
        ("sync", disk / "day"),
        ("sync", disk),
    ]
    operations = [Operation(number, name, path, Path(), 1) for number, (name, path) in enumerate(done, start=1)]
    top = DiskNode(is_folder=True)
    *_, (_last, found) = durable_states(operations, disk, begun_with=top, store=store)
    write_state(found, tmp_path / "after")
    left = {path.relative_to(tmp_path / "after").as_posix() for path in (tmp_path / "after").rglob("*")}
    assert left == {"day", "day/journal", "day/lost"}
    assert (tmp_path / "after" / "day" / "journal").read_bytes() == b"kept"
    assert (tmp_path / "after" / "day" / "lost").read_bytes() == b""  # its name was synced, its bytes were not
