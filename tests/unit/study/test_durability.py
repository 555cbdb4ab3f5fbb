"""What the loop has published is there after a loss of power: the operations of a real run, on a disk that forgets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.study import STAGES
from tests.unit.durable_disk import RECORDER, Disk, recorded

RUN = """
from pathlib import Path
from closedloop.storage import make_folder
from tests.unit.study.labs import bring_recording, lab
from tests.unit.study.sessions import bring
root = Path(sys.argv[2]) / "new" / "study"
make_folder(root)
made = lab(root, days=2, simulated=sys.argv[3] == "simulated")
made.run()
if not made.paths.folder("recording", 0).exists():
    bring(made.paths, 0)
    bring_recording(made.paths, 0)
    made.run()
"""


def operations(folder: Path, kind: str) -> list[tuple[str, ...]]:
    """Run a study of two days in a process of its own and return what it did to the disk."""
    said = folder / "operations"
    (folder / "disk").mkdir()
    command = [sys.executable, "-c", RECORDER + RUN, said, folder / "disk", kind]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[3])
    return recorded(said)


def published(files: set[Path]) -> set[Path]:
    """Leave out what is made beside the stages' folders, and by the test itself."""
    folders = {path.parent for path in files if path.name == MANIFEST_NAME}
    return {path for path in files if path.parent in folders}


@pytest.mark.parametrize("kind", ["simulated", "real"])
def test_a_manifest_that_survives_has_all_its_files_with_it_and_in_the_end_everything_survives(
    tmp_path: Path, kind: str
) -> None:
    disk = Disk(tmp_path / "disk")
    for operation in disk.play(operations(tmp_path, kind)):
        if operation[0] == "sync":  # nothing else makes anything durable
            names, files = disk.durable_names(), disk.durable_files()
            for folder in {path.parent for path in published(names) if path.parent.name[0] != "."}:
                whole = {folder / name for name in [MANIFEST_NAME, *read_manifest(folder).outputs]}
                assert whole <= files, (operation, whole - files)
    study = tmp_path / "disk" / "new" / "study"
    there = published({path for path in study.rglob("*") if path.is_file()})
    assert {path.parent.name for path in there} >= ({"start", *STAGES} if kind == "simulated" else {"ingest"})
    assert published(disk.live_files()) == there
    assert published(disk.durable_files()) == there
