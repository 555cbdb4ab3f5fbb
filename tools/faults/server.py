"""Runs commands in children of a process that has imported everything once: a case costs what it does, not its imports.

Started with the library of `shim`. Reads a request a line, JSON, from standard input; answers with a line each.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import typer

from tools.faults.shim import attach

IMPORTS = (
    *("closedloop.cli", "closedloop.commands.create", "closedloop.commands.run", "closedloop.commands.status"),
    *(
        "closedloop.study.loop",
        "closedloop.study.create",
        "closedloop.study.completeness.now",
        "closedloop.report.pages",
    ),
    *(f"closedloop.stages.{name}" for name in ("start", "plan", "synthesize", "schedule", "present", "record")),
    *("closedloop.stages.ingest.run", "closedloop.stages.refit", "closedloop.stages.evaluate.run"),
    *("closedloop.stages.queue", "closedloop.simulation.array", "rig.cli", "rig.launch", "rig.display.headless"),
    "pandas",  # imported where a table is read, and so by every command
)


def serve() -> int | None:
    """Answer requests until there are no more; in a child, return its exit code."""
    for name in IMPORTS:
        importlib.import_module(name)
    gc.freeze()  # else every child goes through what was imported again and again, and gets a copy of it
    print(json.dumps("ready"), flush=True)
    while line := _line():
        began = time.monotonic()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        child = os.fork()
        if child == 0:
            return _child(json.loads(line))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
        print(json.dumps({"code": code, "seconds": time.monotonic() - began, "cpu": cpu}), flush=True)
    return None


def _line() -> bytes:
    """Read a line without a buffer, which a child would have a copy of."""
    line = b""
    while not line.endswith(b"\n"):
        block = os.read(0, 1)
        if not block:
            return b""
        line += block
    return line


def _child(request: dict[str, Any]) -> int:
    for number, name in ((1, "stdout"), (2, "stderr")):
        descriptor = os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, number)
        os.close(descriptor)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    control = Path(request["control"])
    sys.argv = [request["program"], *request["arguments"]]
    if request.get("snapshots"):
        _take_snapshots(Path(request["study"]), Path(request["snapshots"]), control)
    if request.get("stages"):
        _stop_after(request["stages"])
    main = importlib.import_module(f"{request['program']}.cli").main
    attach(control)
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def _stop_after(stages: list[list[Any]]) -> None:
    """End the command once the last of these stages is published, another one begins, or gates are asked after it."""
    from closedloop.artifacts.gates.report import Checkpoint  # noqa: PLC0415 - once the imports are there
    from closedloop.commands.console import ConsoleReporter  # noqa: PLC0415
    from closedloop.study.gates.checkpoints import CHECKPOINT_AFTER, GateKeeper  # noqa: PLC0415

    ask = GateKeeper.ask
    begin, end = ConsoleReporter.begin, ConsoleReporter.end

    def begin_of(self: ConsoleReporter, day: int, stage: str, attempt: int, *, block: int = 1) -> Any:
        if [day, stage] not in stages:
            raise typer.Exit
        return begin(self, day, stage, attempt, block=block)

    def end_of(self: ConsoleReporter, day: int, stage: str, seconds: float, *, block: int = 1) -> None:
        end(self, day, stage, seconds, block=block)
        if [day, stage] == stages[-1]:
            raise typer.Exit

    def ask_of(self: GateKeeper, *asked: Any, day: int, checkpoint: Checkpoint) -> Any:
        if [day, checkpoint] == [stages[-1][0], CHECKPOINT_AFTER.get(stages[-1][1])]:
            raise typer.Exit  # the stage was published before: the disk has kept that, and `end_of` was not called
        return ask(self, *asked, day=day, checkpoint=checkpoint)

    ConsoleReporter.begin, ConsoleReporter.end = begin_of, end_of  # type: ignore[method-assign]
    GateKeeper.ask = ask_of  # type: ignore[method-assign, assignment]


def _take_snapshots(study: Path, folder: Path, control: Path) -> None:
    """Copy the study whenever a stage is published."""
    from closedloop.commands.console import ConsoleReporter  # noqa: PLC0415

    end = ConsoleReporter.end

    def end_of(self: ConsoleReporter, day: int, stage: str, seconds: float, *, block: int = 1) -> None:
        end(self, day, stage, seconds, block=block)
        attach(None)
        shutil.copytree(study, folder / f"{len(list(folder.iterdir())):02d}-{stage}", symlinks=True)
        attach(control)

    ConsoleReporter.end = end_of  # type: ignore[method-assign]


if __name__ == "__main__":
    sys.exit(serve())
