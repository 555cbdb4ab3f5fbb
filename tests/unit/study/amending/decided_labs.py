"""Small studies of an animal on whose sessions people decide."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.study import STAGES
from closedloop.storage import sha256_file
from closedloop.study.amending.sessions import skip_day, unskip_day
from closedloop.study.loop import read_identity
from tests.unit.study.labs import Lab, bring_recording, lab
from tests.unit.study.sessions import bring

BEFORE = STAGES[:3]


def skip(made: Lab, day: int, *, was_shown: bool = False) -> None:
    study, _ = read_identity(made.paths)
    skip_day(made.paths, study, day=day, by="ada", why="the animal is ill", was_shown=was_shown)


def unskip(made: Lab, day: int) -> None:
    unskip_day(made.paths, *read_identity(made.paths), day=day, by="ada", why="a mistake")


def record(made: Lab, day: int) -> None:
    """Bring a day's session and recording, and have the loop take both over."""
    bring(made.paths, day)
    bring_recording(made.paths, day)
    made.run()


def scheduled(root: Path, *, day: int, days: int = 4) -> Lab:
    """Return a study of an animal that waits for the session of a day."""
    made = lab(root, days=days, simulated=False)
    made.run()
    for earlier in range(day):
        record(made, earlier)
    return made


def published(made: Lab) -> dict[str, str]:
    """Return the bytes of everything that stages made, by path: what a person brings carries its own time."""
    root = made.paths.root
    files = (path for path in root.rglob("*") if path.is_file() and path.suffix in (".txt", ".parquet"))
    hashes = {made.paths.relative(path): read_manifest(path.parent).input_hash for path in root.rglob(MANIFEST_NAME)}
    return {made.paths.relative(path): sha256_file(path) for path in files} | hashes


def inputs(made: Lab, stage: str, day: int) -> set[str]:
    """Return the folders that a stage of a day read."""
    return {name.rpartition("/")[0] for name in read_manifest(made.paths.folder(stage, day)).inputs}
