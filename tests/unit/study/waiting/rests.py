"""Somebody who waits on a study by a clock set by hand: what happens, happens while they sleep."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest
from closedloop.artifacts.study import StudyPaths
from closedloop.storage import sha256_file
from closedloop.study.completeness.looks import Patience
from closedloop.study.completeness.waiting import wait_until_whole
from closedloop.study.completeness.watch import Watch
from closedloop.study.loop import Outcome
from closedloop.study.waiting.alarms import POLL_S, ByLooking
from closedloop.study.waiting.wait import Waiter
from tests.unit.study.completeness.brought import DAY, Bench, HandClock, bench


def publish(folder: Path, stage: str, day: int) -> None:
    """Give a folder a manifest that promises nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    Manifest(
        simulated=False,
        stage=stage,
        day=day,
        seed=1,
        code_version="0",
        protocol_sha256="p",
        input_hash="h",
        inputs={},
        outputs={},
        seconds=0,
        peak_memory_mb=0,
    ).write(folder / MANIFEST_NAME)


def waiting_bench(root: Path, *, settle_s: float = 60.0) -> Bench:
    """Make a study whose earlier days are done and whose day was presented."""
    made = bench(root, settle_s=settle_s)
    made.study.write(made.paths.study)
    made.paths.protocol.write_text(yaml.safe_dump(made.protocol.model_dump(mode="json")))
    for day in range(DAY + 1):
        for stage in ("schedule", "present", "recording"):
            if (day, stage) != (DAY, "recording"):
                publish(made.paths.folder(stage, day), stage, day)
    return made


@dataclass
class Rest:
    """A wait by hand, and what came of it.

    Attributes
    ----------
    ran_at
        When the loop ran.
    told
        What was said, and when.
    sealed_at
        When the recording was taken over.
    back_s
        By how much the machine's clock was set back.
    """

    made: Bench
    poll_s: float = POLL_S
    ran_at: list[float] = field(default_factory=list)
    told: list[tuple[float, str]] = field(default_factory=list)
    sealed_at: float = 0.0
    back_s: float = 0.0

    @property
    def clock(self) -> HandClock:
        return self.made.clock

    @property
    def patience(self) -> Patience:
        return replace(self.made.watch.patience, stays=False, now=lambda: self.clock.now() - self.back_s)

    def until_done(self) -> None:
        """Wait."""
        Waiter(
            self.made.paths,
            self.take_over,
            lambda _folders: ByLooking(self.poll_s, pause=self.clock.sleep),
            lambda text: self.told.append((self.clock.now(), text)),
            self.patience,
        ).until_done()

    def take_over(self) -> Outcome:
        """Take the recording over, as the loop does, if that can be done."""
        self.ran_at.append(self.clock.now())
        watch = Watch(self.made.paths, self.made.study, self.made.protocol, self.patience)
        brought = watch.brought(DAY, "recording")
        missing = wait_until_whole(
            watch,
            brought,
            sha256_of=lambda name: sha256_file(brought.folder / name),
            tell=lambda text: self.told.append((self.clock.now(), text)),
            progress=lambda _done, _total: None,
        ).missing
        if not missing:
            self.sealed_at = self.clock.now()
            publish(brought.folder, "recording", DAY)
        return Outcome(missing or None, DAY)


def files_of(paths: StudyPaths) -> dict[str, tuple[int, int]]:
    """Return what would show that a file of a study was written."""
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in sorted(paths.root.rglob("*"))}
