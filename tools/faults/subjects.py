"""What is run through the faults: each stage of a day, a session of the rig; and what has to be the same afterwards."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from closedloop.artifacts.day.journal import read_journal
from tools.faults.shim import VARIABLE, Control

ROOT = Path(__file__).parents[2]
PROTOCOL = ROOT / "tests" / "loop" / "two_days.yaml"
_OWN = {
    "ledger.sqlite",
    "ledger.sqlite-wal",
    "ledger.sqlite-shm",
    ".loop.lock",
    ".wait.lock",
}  # what the loop remembers, not the result
_OF_THE_RUN = {  # in these files: how long a stage took, and what follows from that
    "manifest.json": re.compile(rb'"(seconds|peak_memory_mb|code_version)": [^,\n]*'),
    "report.json": re.compile(rb'"[^"]*(manifest\.json|\.html)": "[0-9a-f]{64}"'),
    ".html": re.compile(rb"<td>[\d.]+</td><td>[\d,]+ MB</td>"),
}


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes
    ----------
    seconds, cpu
        How long it took, and of the processor, with its children.
    """

    code: int
    stdout: str
    stderr: str
    seconds: float
    cpu: float


class Server:
    """The process that has imported everything, see `tools.faults.server`."""

    def __init__(self, library: Path, folder: Path) -> None:
        self._folder = folder
        environment = os.environ | {
            "LD_PRELOAD": str(library),
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "400",
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        environment.pop(VARIABLE, None)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.faults.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            cwd=folder,
            text=True,
        )
        if self._answer() != "ready":
            raise RuntimeError("the server did not start")

    def run(self, program: str, arguments: Sequence[str | Path], control: Control, **more: Any) -> Ended:
        """Run a command to its end.

        Parameters
        ----------
        program
            "closedloop" or "rig".
        arguments
            Of its command line.
        control
            What it is told to let fail.
        **more
            What else `tools.faults.server` takes.
        """
        out, err = self._folder / "stdout", self._folder / "stderr"
        request = {
            "program": program,
            "arguments": [str(word) for word in arguments],
            "control": str(control.path),
            "stdout": str(out),
            "stderr": str(err),
            **more,
        }
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        said = [path.read_text(errors="replace") for path in (out, err)]
        return Ended(answer["code"], said[0], said[1], answer["seconds"], answer["cpu"])

    def _answer(self) -> Any:
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server ended with code {self._process.wait()}")
        return json.loads(line)

    def close(self) -> None:
        """End it."""
        self._process.communicate()


@dataclass(frozen=True)
class DayPart:
    """One stage of the day, from the study as it was before to the study as it is then.

    Attributes
    ----------
    before, after
        The study's folder; before the first stage there is none.
    stages
        Which stages are run, as (day, name); the command ends where another one would begin. Empty: to its end.
    """

    name: str
    before: Path | None
    after: Path
    stages: tuple[tuple[int, str], ...]

    program = "closedloop"

    def arguments(self, place: Path, *, again: bool) -> list[str | Path]:  # noqa: ARG002 - as `SessionPart` has it
        """Return the command; the same one again goes on."""
        return ["dry-run", place / "study", "--protocol", PROTOCOL, "--days", "1"]

    def more(self) -> dict[str, Any]:
        """Return what else the server is told."""
        return {"stages": [list(stage) for stage in self.stages]}

    def differences(self, place: Path) -> list[str]:
        """Return what is not as it is where nothing failed, a line each."""
        study = place / "study"
        found, wanted = _contents(study), _contents(self.after)
        lines = [f"{name} is missing" for name in sorted(set(wanted) - set(found))]
        lines += [f"{name} is left over" for name in sorted(set(found) - set(wanted))]
        for name in sorted(set(found) & set(wanted)):
            if found[name] != wanted[name] and not _same_journal(study / name, self.after / name):
                lines.append(f"{name} has other bytes")
        return lines + _ledger_faults(study, self.stages)


@dataclass(frozen=True)
class SessionPart:
    """A session of the rig, shown from its first image to its last.

    Attributes
    ----------
    session
        The sealed folder.
    after
        What it leaves where nothing failed.
    """

    session: Path
    after: Path
    name: str = "rig"
    before: Path | None = None

    program = "rig"

    def arguments(self, place: Path, *, again: bool) -> list[str | Path]:
        """Return the command, or the one that goes on after a fault."""
        words: list[str | Path] = ["present", self.session, "--display", "headless", "--out", place / "study"]
        return [*words, "--resume"] if again else words

    def more(self) -> dict[str, Any]:
        """Return what else the server is told."""
        return {}

    def differences(self, place: Path) -> list[str]:
        """Return what is not as it is where nothing failed, a line each."""
        found, wanted = (
            {path.name for path in (place / "study").iterdir()},
            {path.name for path in self.after.iterdir()},
        )
        if found != wanted:
            return [f"expected {sorted(wanted)}, found {sorted(found)}"]
        if not _same_journal(place / "study" / "journal.jsonl", self.after / "journal.jsonl"):
            return ["journal.jsonl tells another session"]
        mine, theirs = (json.loads((folder / "summary.json").read_bytes()) for folder in (place / "study", self.after))
        differ = [
            key for key in theirs if mine.get(key) != theirs[key] and key not in {"n_launches", "n_segments", "n_void"}
        ]
        return [f"summary.json has another {key}" for key in differ]


Part = DayPart | SessionPart


def _contents(folder: Path) -> dict[str, bytes]:
    """Read all files but what the loop remembers; of manifests, what is of the result."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if name in _OWN:
            continue
        content = b"" if path.is_dir() else path.read_bytes()
        of_the_run = _OF_THE_RUN.get(path.name) or _OF_THE_RUN.get(path.suffix)
        found[name] = of_the_run.sub(b"", content) if of_the_run else content
    return found


def _same_journal(one: Path, other: Path) -> bool:
    """Return whether two journals tell the same presentations: a rig that was started again says so in its own."""
    if one.name not in {"journal.jsonl", "manifest.json", "summary.json"}:
        return False
    if one.parent.name not in {"present", "study", "rig", "session"} and one.name != "manifest.json":
        return False
    if one.name != "journal.jsonl":
        return one.parent.name == "present" and _n_launches(one.parent) > 1
    return read_journal(one).presentations == read_journal(other).presentations


def _n_launches(present: Path) -> int:
    return len(read_journal(present / "journal.jsonl").launches)


def _ledger_faults(study: Path, stages: tuple[tuple[int, str], ...]) -> list[str]:
    with closing(sqlite3.connect(study / "ledger.sqlite")) as ledger:
        if ledger.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            return ["ledger.sqlite is damaged"]
        rows = dict(ledger.execute("SELECT stage, state FROM stages").fetchall())
    return [
        f"ledger.sqlite: {stage} is {rows.get(stage)}" for _, stage in stages if rows.get(stage) not in {None, "done"}
    ]


def whole_lines(place: Path) -> list[bytes]:
    """Return the whole lines of a journal that is there."""
    path = place / "study" / "journal.jsonl"
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


def copy_study(source: Path | None, place: Path) -> None:
    """Make the folder of a case, with the study as it was."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    if source is not None:
        shutil.copytree(source, place / "study", symlinks=True)
