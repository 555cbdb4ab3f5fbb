"""The study from the options to a folder of results, and the lines that sum it up."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from closedloop.attacks.engine.devices import own_workers
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import parse_workers
from closedloop.storage import write_bytes
from closedloop.studies.places import study_command
from closedloop.studies.population.asked import PopulationOptions
from closedloop.studies.population.measure import MeasuredPopulation, measure_population
from closedloop.studies.population.naming import KINDS
from closedloop.studies.population.page import population_page
from closedloop.studies.population.settings import PopulationFiles

MADE = "a simulated study, made for this"


def run_study(
    options: PopulationOptions, study: Path, out: Path, *, workers: str | None, progress: ProgressCallback
) -> list[str]:
    """Decode, write tables and page, and return what to tell the user.

    Parameters
    ----------
    options
        What was asked for.
    study
        The study's folder.
    out
        Folder for the results; created if missing.
    workers
        Who computes, as ``--workers`` takes it; None for this machine. The result does not depend on it.
    progress
        Called with (hundredths done, 100).

    Raises
    ------
    StudyError, DocumentError
        The study has nothing to decode, or is damaged.
    ExecutionError, StorageError
        Workers were lost, or the disk is full.
    """
    found = measure_population(
        study,
        out,
        seed=options.seed,
        wants_truth=options.truth,
        name=MADE if options.study is None else str(options.study),
        workers=own_workers() if workers is None else parse_workers(workers),
        progress=progress,
    )
    files = PopulationFiles(out)
    write_bytes(files.page, population_page(found, command=_command(options)))
    return [*_summary(found), f"Open {files.page}"]


def _command(options: PopulationOptions) -> str:
    parts = list[str]()
    parts += [] if options.study is None else ["--study", str(options.study)]
    parts += [] if options.truth else ["--no-truth"]
    return study_command("population", *parts, "--seed", str(options.seed))


def _summary(found: MeasuredPopulation) -> list[str]:
    """Return the accuracies as text, a line a kind of change, a column an epsilon."""
    table, document = found.decoding, found.document
    recorded = ~table["truth"].astype(bool)
    epsilons = sorted({epsilon for epsilon in table["epsilon"][recorded].tolist() if epsilon > 0})
    kinds = [kind for kind in KINDS if (recorded & (table["kind"] == kind) & (table["epsilon"] > 0)).any()]
    width = max((len(KINDS[kind].name) for kind in kinds), default=0)
    lines = [
        f"{document.accuracy:.3f} [{document.accuracy_low:.3f}, {document.accuracy_high:.3f}] of clean images are "
        f"decoded rightly, cross-validated; {document.chance:.3f} by chance."
    ]
    if kinds:
        lines.append(f"{'lost':{width}}" + "".join(f"{f'epsilon {epsilon:g}':>25}" for epsilon in epsilons))
    for kind in kinds:
        cells = [_cell(found, kind, epsilon) for epsilon in epsilons]
        lines.append(KINDS[kind].name.ljust(width) + "".join(f"{cell:>25}" for cell in cells))
    n = document.n_repetitions
    return [
        *lines,
        f"Accuracy on clean images minus that on changed ones, {n} repetitions of each, with 95 % intervals.",
    ]


def _cell(found: MeasuredPopulation, kind: str, epsilon: float) -> str:
    table = found.decoding
    rows = (table["kind"] == kind) & (table["epsilon"] == epsilon) & ~table["truth"].astype(bool)
    if not rows.any():
        return "-"
    (place,) = np.flatnonzero(rows)
    return f"{table['lost'][place]:.3f} [{table['lost_low'][place]:.3f}, {table['lost_high'][place]:.3f}]"
