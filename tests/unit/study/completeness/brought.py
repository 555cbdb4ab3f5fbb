"""A real study that waits for a day's recording, the recording on the recorder's disk, and a clock set by hand."""

from __future__ import annotations

import atexit
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from closedloop.artifacts.catalog import JOURNAL
from closedloop.artifacts.day.journal import read_journal
from closedloop.artifacts.day.journal_rows import ROW, LaunchOpened
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.inputs import PoolDescription
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.simulation.sessions import MadeSession, make_session
from closedloop.storage import sha256_file
from closedloop.study.completeness.looks import Patience
from closedloop.study.completeness.waiting import wait_until_whole
from closedloop.study.completeness.watch import Brought, Watch
from tests.unit.days import protocol
from tests.unit.study.sessions import STUDY_ID, bring, schedule, session_id

DAY = 2
START_S = 2_000_000_000.0  # of the clock by hand
RECORDER = b"Central 7.6.1"


@cache
def on_the_recorder(specification: str = "2.3", n_processors: int = 2) -> Path:
    """Make a recording of a session once: the recorder's files without marks, the journal in real time."""
    folder = Path(mkdtemp(prefix="recorder-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    wanted = MadeSession(
        specification=specification, seconds=20, n_channels=2 * n_processors, n_processors=n_processors
    )
    make_session(folder, wanted, progress=lambda _done, _total: None)
    for file in folder.glob("array*"):
        content = bytearray(file.read_bytes())
        if file.suffix == ".nev":
            content[44:76] = RECORDER.ljust(32, b"\0")
        file.write_bytes(content)
    of_an_animal = {"session_id": session_id(DAY), "simulated": False, "display": "psychopy", "clock": "real"}
    rows = [
        row.model_copy(update=of_an_animal) if isinstance(row, LaunchOpened) else row
        for row in read_journal(folder / JOURNAL.name).rows
    ]
    (folder / JOURNAL.name).write_bytes(b"".join(ROW.dump_json(row) + b"\n" for row in rows))
    return folder


def names(n_processors: int = 2) -> list[str]:
    """Name the recorder's files."""
    return [f"array{n}{suffix}" for n in range(1, n_processors + 1) for suffix in (".nev", ".ns6")]


@dataclass
class HandClock:
    """A clock that stands still until somebody waits; what is due by then happens at its time."""

    now_s: float = START_S
    due: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def now(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        end = self.now_s + seconds
        while self.due and self.due[0][0] <= end:
            self.now_s, happen = self.due.pop(0)
            happen()
        self.now_s = end


@dataclass
class Bench:
    """A study whose day waits for its recording, and who looks at it."""

    paths: StudyPaths
    study: StudyDocument
    protocol: Protocol
    clock: HandClock
    settle_s: float = 60.0
    said: list[str] = field(default_factory=list)

    @property
    def watch(self) -> Watch:
        patience = Patience(self.settle_s, trusted_s=float("inf"), now=self.clock.now, sleep=self.clock.sleep)
        return Watch(self.paths, self.study, self.protocol, patience)

    @property
    def recording(self) -> Brought:
        return self.watch.brought(DAY, "recording")

    @property
    def folder(self) -> Path:
        return self.recording.folder

    def copy(self, *wanted: str, source: Path | None = None) -> None:
        """Put some of the recorder's files, or all, into the day's folder."""
        self.folder.mkdir(exist_ok=True)
        for name in wanted or names():
            shutil.copyfile((source or on_the_recorder()) / name, self.folder / name)

    def missing(self) -> str:
        """Try to take the recording over as `closedloop run` does; return what it waits for."""
        brought = self.recording
        return wait_until_whole(
            self.watch,
            brought,
            sha256_of=lambda name: sha256_file(brought.folder / name),
            tell=self.said.append,
            progress=lambda _done, _total: None,
        ).missing


def bench(root: Path, *, arrays: tuple[str, ...] = ("array1", "array2"), settle_s: float = 60.0) -> Bench:
    """Make a study whose day was presented."""
    paths = StudyPaths(root)
    schedule(paths, DAY)
    bring(paths, DAY)
    shutil.copyfile(on_the_recorder() / JOURNAL.name, JOURNAL.published(paths, DAY))
    study = StudyDocument(
        simulated=False,
        study_id=STUDY_ID,
        subject="monkey",
        protocol_name="guo2022",
        protocol_sha256="p",
        code_version="0",
        arrays=arrays,
        nsx=(".ns6",),
        pool=PoolDescription(kind="flat_folder", side_px=32, folder="/images"),
        base_model="none",
    )
    return Bench(paths, study, protocol(recording={"spikes_from": "nev"}), HandClock(), settle_s)
