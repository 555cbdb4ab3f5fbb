"""`closedloop serve` as a real process, with a folder of its own for what it keeps and a command that takes notices."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.service.children.leftovers import MARK
from closedloop.study.create import Request, create_study
from tests.equipment.processes import Child
from tests.loop.studies import PROTOCOL

POLL_S = 0.02
PATIENCE_S = 300.0


@dataclass(frozen=True)
class Laboratory:
    """Where services run: `folder` holds what they keep and what they told."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Nothing watches a service for doors: its page is one, on the loopback interface."""
        return os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "300", "XDG_STATE_HOME": str(self.folder / "state")}

    @property
    def said(self) -> str:
        """What all services said so far."""
        return (self.folder / "said.txt").read_text()

    @property
    def notices(self) -> list[dict[str, Any]]:
        """What was told so far; of a notice that is being written nothing."""
        file = self.folder / "notices.jsonl"
        lines = file.read_text().splitlines(keepends=True) if file.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def study(self, name: str = "study", *, subject: str = "simulated", protocol: Path = PROTOCOL) -> Path:
        """Create a small simulated study of which nothing is done."""
        root = self.folder / name
        create_study(Request(root=root, subject=subject, simulated=True, protocol=str(protocol)))
        return root

    @contextmanager
    def serving(self, *words: str | Path) -> Iterator[psutil.Popen]:
        """Run a service while the block runs; nothing of it is left behind."""
        notice = shlex.join(["sh", "-c", f"cat >> {shlex.quote(str(self.folder / 'notices.jsonl'))}"])
        command = [sys.executable, "-m", "closedloop", "serve", *map(str, words), "--notice", notice]
        with (self.folder / "said.txt").open("a") as said:
            service = Child[bytes](command, env=self.environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            with service:
                yield service
                if service.poll() is None:
                    service.terminate()
        finally:
            for process in [one for word in words if Path(word).is_dir() for one in started_for(Path(word))]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()

    def wait_for(self, state: str, study: Path, service: subprocess.Popen[bytes]) -> dict[str, Any]:
        """Return the first notice of a state of a study that its service gives."""

        def found() -> list[dict[str, Any]]:
            return [one for one in self.notices if one["state"] == state and one["study"] == str(study)]

        self.wait_until(lambda: bool(found()), service)
        return found()[0]

    def wait_until(self, is_so: Callable[[], bool], service: subprocess.Popen[bytes]) -> None:
        """Wait until something is so, for as long as a service runs."""
        end = time.monotonic() + PATIENCE_S
        while not is_so():
            assert service.poll() is None, self.said
            assert time.monotonic() < end, self.said
            time.sleep(POLL_S)


def started_for(study: Path) -> list[psutil.Process]:
    """Return the processes that a service started for a study, by their environment."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == str(study) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def doing(study: Path, word: str) -> list[psutil.Process]:
    """Return those of these processes whose command line has a word: `run` of a loop, `present` of a rig."""
    found = []
    for process in started_for(study):
        with suppress(psutil.Error):
            if word in process.cmdline():
                found.append(process)
    return found


def outputs(study: Path) -> dict[str, str]:
    """Return the sha256 of every published file of a study, but for the journals: these name processes and launches."""
    found = {}
    for place in sorted(study.rglob(MANIFEST_NAME)):
        folder = place.parent.relative_to(study).as_posix()
        for name, sha256 in json.loads(place.read_text()).get("outputs", {}).items():
            found[f"{folder}/{name}"] = sha256
    return {name: sha256 for name, sha256 in found.items() if not name.endswith("present/journal.jsonl")}
