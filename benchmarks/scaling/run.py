"""What ten times the work costs: every stage's slope over sites, images, epsilons, presentations and days.

Run: ``python -m benchmarks scaling --out FOLDER`` (half an hour on two free cores; ``--quick`` without the largest
studies: ten minutes). Thirteen studies of a simulated subject are run through files, stage by stage, each in a process
of its own; what is measured is kept in FOLDER, and the same command goes on after a kill. In the end slopes are told,
the picture is drawn, and the bytes, hours and money of a large experiment are worked out from them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from dataclasses import fields
from functools import partial
from pathlib import Path

from benchmarks.scaling.full_size import full_size_table
from benchmarks.scaling.large import Experiment, check_table, constants_table, fit, large_table
from benchmarks.scaling.measured import Row, measure, read_rows
from benchmarks.scaling.picture import draw
from benchmarks.scaling.sizes import AXES, Size, sizes
from benchmarks.scaling.slopes import slopes_of
from benchmarks.scaling.words import days_table, slopes_table, steep, totals_table
from closedloop.artifacts.study import StudyPaths
from closedloop.execution.local import run_in_processes
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import HERE
from closedloop.study.create import Request, create_study
from closedloop.study.loop import run_study


def main() -> None:
    options = _options()
    if options.full_size:
        print("\n".join(full_size_table()))
        return
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    studies = sizes(tuple(options.axes), quick=options.quick)
    if not options.table:
        _warm_up()
        run_in_processes(
            [partial(measure, size, out=out, tell=_tell) for size in studies], n_processes=options.processes
        )
    rows = [row for size in studies for row in read_rows(out / f"{size.name}.jsonl")]
    wanted = Experiment(**{one.name: getattr(options, one.name) for one in fields(Experiment)})
    print("\n".join(report(rows, experiment=wanted, picture=options.picture)))


def report(rows: list[Row], *, experiment: Experiment, picture: Path | None) -> list[str]:
    """Return the tables of what was measured, and draw them.

    Parameters
    ----------
    rows
        Of all studies that are finished.
    experiment
        What is worked out from them.
    picture
        Where the picture goes; None: nowhere.
    """
    slopes, fitted = slopes_of(rows), fit(rows)
    if not rows:
        return [
            "Nothing is measured in this folder: below is what follows from the assumptions alone. Without --table the",
            "program's own stages (plan, schedule, ingest, evaluate, queue, report) are measured first.",
            "",
            *large_table(experiment, fitted),
        ]
    if picture is not None:
        draw(slopes, picture)
    tables = (
        slopes_table(slopes, "cpu_s"),
        slopes_table(slopes, "added_mb"),
        slopes_table(slopes, "n_bytes"),
        days_table(slopes),
        totals_table(rows),
        steep(slopes),
        constants_table(fitted),
        check_table(rows, fitted),
        large_table(experiment, fitted),
    )
    return [line for table in tables for line in (*table, "")]


def _warm_up() -> None:
    """Run a study in this process that nobody measures: libraries are imported and compiled once, before the forks."""
    with tempfile.TemporaryDirectory() as folder:
        size = Size("all", 1)
        paths = StudyPaths(Path(folder) / "study")
        create_study(Request(paths.root, "simulated", True, protocol="warm.yaml", content=size.protocol()))
        run_study(paths, _Nobody(), workers=HERE)
        shutil.rmtree(paths.root)


class _Nobody:
    """Hears the loop and measures nothing."""

    def begin(self, day: int, stage: str, attempt: int, *, block: int = 1) -> ProgressCallback:  # noqa: ARG002 - a port
        return lambda _done, _total: None

    def end(self, day: int, stage: str, seconds: float, *, block: int = 1) -> None:
        pass

    def say(self, text: str) -> None:
        pass


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks scaling", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("scaling"), help="folder of what is measured (./scaling)")
    parser.add_argument("--full-size", action="store_true", help="only what runs at 1,000 sites, on made-up responses")
    parser.add_argument("--quick", action="store_true", help="without the largest studies")
    parser.add_argument("--axes", nargs="+", choices=AXES, default=list(AXES), help="what grows; all by default")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)), help="studies at once")
    parser.add_argument("--table", action="store_true", help="measure nothing, tell what is there")
    parser.add_argument("--picture", type=Path, help="PNG to draw the measured times into")
    large = parser.add_argument_group("the large experiment (benchmarks/scaling/large.py says what each is)")
    for one in fields(Experiment):
        large.add_argument(f"--{one.name.replace('_', '-')}", type=type(one.default), default=one.default, metavar="N")
    return parser.parse_args()
