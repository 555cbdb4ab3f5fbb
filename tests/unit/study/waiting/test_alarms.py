"""What wakes somebody who waits: the system, where the files lie on a disk of this machine, or a clock elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from closedloop.study.waiting.alarms import ByEvents, ByLooking, alarm_for
from closedloop.study.waiting.file_systems import changes_are_told, file_system_of

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:5 / /proc rw - proc proc rw
40 22 0:40 / /mnt/lab\\040data rw,relatime - nfs4 server:/export rw,vers=4.2
41 22 0:41 / /mnt/share rw - cifs //server/share rw
42 22 0:42 / /home/ada/remote rw master:3 - fuse.sshfs ada@rig: rw
43 22 0:43 / /mnt/host rw - 9p host rw
44 22 8:17 / /mnt/share/disk rw - xfs /dev/sdb1 rw
45 22 0:45 / /data rw - ext4 /dev/sdc1 rw
46 22 0:46 / /data rw - nfs server:/data rw
broken line
"""


@pytest.mark.parametrize(
    ("folder", "told"),
    [
        ("/work/study", True),
        ("/mnt/lab data/study", False),
        ("/mnt/lab data2/study", True),
        ("/mnt/share/study", False),
        ("/mnt/share/disk/study", True),
        ("/home/ada/remote/study", False),
        ("/mnt/host", False),
        ("/data/study", False),  # mounted over another
        ("/proc", False),
    ],
)
def test_the_system_tells_of_changes_on_its_own_disks_alone(folder: str, told: bool) -> None:
    assert changes_are_told([Path(folder)], mounts=MOUNTS) is told
    assert changes_are_told([Path("/work"), Path(folder)], mounts=MOUNTS) is told


def test_a_link_to_a_share_is_on_the_share(tmp_path: Path) -> None:
    (tmp_path / "recording").symlink_to(Path("/mnt/share/recordings"))
    assert not changes_are_told([tmp_path / "recording"], mounts=MOUNTS)


def test_where_nothing_is_known_of_the_mounts_one_looks() -> None:
    assert not changes_are_told([Path("/work")], mounts="")
    assert file_system_of("/work", []) == ""


def test_the_kernel_s_own_list_is_read() -> None:
    """No changes are told of what the kernel makes up at each look."""
    assert not changes_are_told([Path("/proc/self")])


def test_whoever_asks_for_a_time_gets_it_and_a_share_is_x_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert alarm_for([tmp_path], poll_s=2.5).said() == "looks every 2.5 s"
    assert alarm_for([Path("/proc")], poll_s=None).said().startswith("looks every 2 s (the folder is on a network")
    if changes_are_told([tmp_path]):
        monkeypatch.setitem(sys.modules, "watchfiles", None)
        assert alarm_for([tmp_path], poll_s=None).said() == "looks every 2 s (watchfiles is not installed)"


@pytest.mark.parametrize(("asked_s", "slept_s"), [(100.0, 2.0), (1.0, 1.0), (0.0, 0.0), (float("inf"), 2.0)])
def test_who_looks_sleeps_no_longer_than_asked(asked_s: float, slept_s: float) -> None:
    slept: list[float] = []
    ByLooking(pause=slept.append).sleep(asked_s, [])
    assert slept == [slept_s]


def create(folder: Path) -> None:
    (folder / "array1.nev").write_bytes(b"header")


def grow(folder: Path) -> None:
    with (folder / "array1.nev").open("ab") as file:
        file.write(b"more")


def overwrite(folder: Path) -> None:
    with (folder / "array1.nev").open("rb+") as file:
        file.write(b"H")


def rename(folder: Path) -> None:
    (folder / "array1.nev").rename(folder / "array1 renamed.nev")


def remove(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


@pytest.mark.parametrize("change", [create, grow, overwrite, rename, remove])
def test_a_change_wakes_who_is_told(tmp_path: Path, change: Callable[[Path], None]) -> None:
    pytest.importorskip("watchfiles")
    if not changes_are_told([tmp_path]):
        pytest.skip("no file system of this machine's own")
    if change is not create:
        create(tmp_path)
    alarm, woken = ByEvents(), []
    alarm.sleep(60, [tmp_path])  # nobody watched before: awake at once
    sleeper = Thread(target=lambda: (alarm.sleep(60, [tmp_path]), woken.append(True)), daemon=True)
    sleeper.start()
    change(tmp_path)
    sleeper.join(20)
    assert woken == [True]


@pytest.mark.timeout(50)
def test_other_folders_wake_at_once_and_a_folder_that_is_gone_does_no_harm(tmp_path: Path) -> None:
    pytest.importorskip("watchfiles")
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    alarm = ByEvents()
    for folders in ([first], [first, second]):
        alarm.sleep(60, folders)
    first.rmdir()
    alarm.sleep(0.1, [first, second])
    alarm.sleep(0.1, [first, second])
