"""One study, stage by stage, each in a process of its own that is forked for it: processor time, wall, memory, bytes.

The loop itself runs every stage, with its checks, its publishing and its pages; a stage's time is that from its begin
to its end as the loop tells them. What the loop looks at before (does all that was published stand?) is its own row.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.scaling.sizes import Size
from closedloop.artifacts import catalog
from closedloop.artifacts.study import StudyPaths
from closedloop.execution.local import run_apart
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import HERE
from closedloop.plain_text.json_text import parse_json
from closedloop.study.create import Request, create_study
from closedloop.study.loop import run_study
from closedloop.study.memory import forget_peak, peak_mb

LOOK, PAGES = "look", "pages"
"""Rows that are no stage: the loop's look at what stands, before the day's last stage; all pages, drawn at the end."""

COMMANDS = {
    "report": ("report", "{study}"),
    "export nwb": ("export", "nwb", "{study}", "--day", "{day}", "--out", "{out}"),
    "export responses": ("export", "responses", "{study}", "--day", "{day}", "--out", "{out}"),
    "export brainscore": ("export", "brainscore", "{study}", "--day", "{day}", "--out", "{out}"),
}
"""Commands on the finished study, each in a process that imports all it needs; one that is not there is left out."""


@dataclass(frozen=True)
class Row:
    """What a stage of a day took in one study.

    Attributes
    ----------
    study, axis, factor
        Which study.
    day, stage
        Which stage; a command on the finished study is of the last day.
    cpu_s, wall_s
        Processor time with that of all processes it started, and wall time.
    peak_mb, added_mb
        Peak of resident memory of the process that runs the stage, and by how much that is more than it began with.
    n_bytes
        What it published.
    n_presentations, n_images, n_attacks
        Of the day.
    """

    study: str
    axis: str
    factor: int
    day: int
    stage: str
    cpu_s: float
    wall_s: float
    peak_mb: float
    added_mb: float
    n_bytes: int = 0
    n_presentations: int = 0
    n_images: int = 0
    n_attacks: int = 0


class _StageEndedError(Exception):
    """A stage was published: the process has done what it was forked for."""


def read_rows(file: Path) -> list[Row]:
    """Return the rows that were written so far; none where there are none.

    Parameters
    ----------
    file
        A line a row; a last one that a kill cut off is left out.
    """
    if not file.is_file():
        return []
    lines = file.read_text().splitlines(keepends=True)
    return [Row(**parse_json(line, place=str(file))) for line in lines if line.endswith("\n")]


def measure(size: Size, *, out: Path, tell: Callable[[str], None]) -> None:
    """Run a study and write its rows; what an earlier call has measured stands.

    Parameters
    ----------
    size
        The study.
    out
        Its folder is made here, and removed once all is measured.
    tell
        Called with a line a stage.
    """
    rows_file, paths = out / f"{size.name}.jsonl", StudyPaths(out / size.name)
    if _is_whole(read_rows(rows_file)):
        return
    if not paths.study.is_file():
        rows_file.unlink(missing_ok=True)
        request = Request(paths.root, "simulated", True, protocol=f"{size.name}.yaml", content=size.protocol())
        create_study(request)
    while not _is_whole(before := read_rows(rows_file)):
        _cut_line_off(rows_file)
        run_apart(lambda: _one_stage(size, paths, rows_file))
        for row in read_rows(rows_file)[len(before) :]:
            tell(f"{size.name}  day {row.day}  {row.stage:<12} {row.cpu_s:7.2f} CPU-s  {row.peak_mb:7.0f} MB")
    shutil.rmtree(paths.root)


def _is_whole(rows: Sequence[Row]) -> bool:
    return any(row.stage == PAGES for row in rows)


@dataclass(frozen=True)
class _Now:
    cpu_s: float
    wall_s: float
    resident_mb: float


def _now() -> _Now:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    used = time.process_time() + children.ru_utime + children.ru_stime
    return _Now(used, time.perf_counter(), pages * resource.getpagesize() / 2**20)


@dataclass
class _Stage:
    """Hears the loop: measures the first stage that it begins, and ends the process with it."""

    began: _Now | None = None
    look: _Now = field(default_factory=_now)
    key: tuple[int, str] = (0, "")
    end_of_stage: _Now | None = None

    def begin(self, day: int, stage: str, attempt: int, *, block: int = 1) -> ProgressCallback:  # noqa: ARG002 - a port
        self.key, self.began = (day, stage), _now()
        return lambda _done, _total: None

    def end(self, day: int, stage: str, seconds: float, *, block: int = 1) -> None:  # noqa: ARG002 - a port
        self.end_of_stage = _now()
        raise _StageEndedError

    def say(self, text: str) -> None:
        """Nobody listens."""


def _one_stage(size: Size, paths: StudyPaths, rows_file: Path) -> None:
    heard = _Stage()
    forget_peak()
    try:
        run_study(paths, heard, days=size.n_days, workers=HERE)
    except _StageEndedError:
        day, stage = heard.key
        if heard.began is None or heard.end_of_stage is None:
            raise
        _write(rows_file, _row(size, paths, day, stage, (heard.began, heard.end_of_stage)))
        if stage == "queue" or (stage == "evaluate" and day == size.n_days - 1):
            _write(rows_file, _row(size, paths, day, LOOK, (heard.look, heard.began)))
    else:
        day = size.n_days - 1
        pages = _row(size, paths, day, PAGES, (heard.look, _now()))
        for row in _commands(size, paths):
            _write(rows_file, row)
        _write(rows_file, pages)


def _row(size: Size, paths: StudyPaths, day: int, stage: str, took: tuple[_Now, _Now]) -> Row:
    began, ended = took
    counted = _counted(paths, max(day, 0))
    folder = paths.folder(stage, day) if stage not in {LOOK, PAGES} else paths.report
    return Row(
        study=size.name,
        axis=size.axis,
        factor=size.factor,
        day=day,
        stage=stage,
        cpu_s=round(ended.cpu_s - began.cpu_s, 3),
        wall_s=round(ended.wall_s - began.wall_s, 3),
        peak_mb=peak_mb(),
        added_mb=round(max(peak_mb() - began.resident_mb, 0.0), 1),
        n_bytes=sum(one.stat().st_size for one in folder.rglob("*") if one.is_file()),
        **counted,
    )


def _counted(paths: StudyPaths, day: int) -> dict[str, int]:
    """Count what a day shows, as far as it is planned."""
    shown, images = catalog.PRESENTATIONS.published(paths, day), catalog.STIMULI.published(paths, day)
    kinds = list(catalog.STIMULI.read(images)["kind"]) if images.is_file() else []
    return {
        "n_presentations": len(catalog.PRESENTATIONS.read(shown)["stimulus_id"]) if shown.is_file() else 0,
        "n_images": len(kinds),
        "n_attacks": kinds.count("attacked"),
    }


def _commands(size: Size, paths: StudyPaths) -> list[Row]:
    rows = []
    for name, words in COMMANDS.items():
        out = paths.root.with_name(f"{size.name}-{name.replace(' ', '-')}")
        filled = [word.format(study=paths.root, day=size.n_days - 1, out=out) for word in words]
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "closedloop", *filled], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        said = process.stderr.read().decode() if process.stderr else ""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        n_bytes = sum(one.stat().st_size for one in out.rglob("*") if one.is_file()) if out.is_dir() else 0
        shutil.rmtree(out, ignore_errors=True)
        out.unlink(missing_ok=True) if out.is_file() else None
        if process.returncode:
            last = said.strip().splitlines()[-1:] or ["nothing"]
            print(f"closedloop {name}: not measured, it says: {last[0]}", file=sys.stderr, flush=True)
            continue
        rows.append(
            Row(
                study=size.name,
                axis=size.axis,
                factor=size.factor,
                day=size.n_days - 1,
                stage=name,
                cpu_s=round(used.ru_utime + used.ru_stime, 3),
                wall_s=round(time.perf_counter() - began, 3),
                peak_mb=round(used.ru_maxrss / 1024, 1),
                added_mb=round(used.ru_maxrss / 1024, 1),
                n_bytes=n_bytes,
                **_counted(paths, size.n_days - 1),
            )
        )
    return rows


def _write(file: Path, row: Row) -> None:
    with file.open("a") as lines:
        lines.write(json.dumps(asdict(row)) + "\n")


def _cut_line_off(file: Path) -> None:
    """Remove what a kill left of a line."""
    if file.is_file() and not (text := file.read_text()).endswith("\n"):
        file.write_text(text[: text.rfind("\n") + 1])
