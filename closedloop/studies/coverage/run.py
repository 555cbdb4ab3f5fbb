"""A coverage study from its settings to a folder of results, and the lines that sum it up."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from closedloop import __version__
from closedloop.artifacts.tables import Columns
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.run import run_pieces
from closedloop.execution.stored.piece import shard_piece
from closedloop.execution.workers import Workers
from closedloop.storage import resolved
from closedloop.studies.coverage.documents import COVERAGE_ALARMS, COVERAGE_INTERVALS, CoverageSettings
from closedloop.studies.coverage.report import write_coverage_report
from closedloop.studies.coverage.settings import CoverageFiles, CoverageStudy
from closedloop.studies.coverage.shards import coverage_shards, leave_shard, read_shards
from closedloop.studies.coverage.tables import alarms_table, intervals_table
from closedloop.studies.files import write_both


def run_coverage(
    study: CoverageStudy, folder: Path, *, workers: Workers, command: str, progress: ProgressCallback
) -> list[str]:
    """Make the experiments, write tables, figure and page, and return what to tell the user.

    Stopped at any point and called again, it resumes and leaves the same bytes.

    Parameters
    ----------
    study
        What to simulate.
    folder
        Where results go; made if missing.
    workers
        Who computes; the result does not depend on it.
    command
        The command line that the page shows.
    progress
        Called with (subjects done, subjects in total).

    Raises
    ------
    ExecutionError, StorageError
        Workers were lost, or the disk is full; what was done is kept.
    """
    files = CoverageFiles(folder)
    shards = coverage_shards(study, resolved(files.shards))
    left = [shard for shard in shards if not shard.path.exists()]

    def report(n_done: int) -> None:
        progress(len(shards) - len(left) + n_done, len(shards))

    report(0)
    run_pieces([shard_piece(leave_shard, shard) for shard in left], workers, report)
    judged, rang = read_shards(shards)
    _settings(study).write(files.settings)
    intervals, alarms = intervals_table(judged), alarms_table(rang)
    write_both(files.intervals, COVERAGE_INTERVALS, intervals, simulated=True)
    write_both(files.alarms, COVERAGE_ALARMS, alarms, simulated=True)
    page = write_coverage_report(folder, command=command)
    return [*_summary(intervals, alarms), f"Open {page}"]


def _settings(study: CoverageStudy) -> CoverageSettings:
    values = {field.name: getattr(study, field.name) for field in fields(study)}
    return CoverageSettings(simulated=True, code_version=__version__, **values)


def _summary(intervals: Columns, alarms: Columns) -> list[str]:
    """Return coverage and rates as text, a line each."""
    lines = ["95 % intervals that hold the truth:"]
    for row in range(len(intervals["quantity"])):
        if intervals["covered"][row] >= 0:
            epsilon = intervals["epsilon"][row]
            at = f" at epsilon {epsilon:g}" if epsilon > 0 else ""
            lines.append(
                f"  {100 * intervals['covered'][row]:5.1f} %  {intervals['quantity'][row]}{at}, over "
                f"{intervals['over'][row]}, {intervals['repetitions'][row]} repetitions"
            )
    lines.append("Tests that ring:")
    lines += [
        f"  {100 * alarms['rate'][row]:5.1f} %  {alarms['test'][row]}, {alarms['repetitions'][row]} repetitions"
        for row in range(len(alarms["test"]))
    ]
    return lines
