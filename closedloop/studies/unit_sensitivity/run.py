"""A unit-sensitivity study from the options to a folder of results, and the lines that sum it up."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.tables import Columns, read_table
from closedloop.attacks.engine.devices import check_device, own_workers
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import parse_workers
from closedloop.studies.unit_sensitivity.asked import UnitSensitivityOptions, check_options
from closedloop.studies.unit_sensitivity.documents import UNIT_SENSITIVITY
from closedloop.studies.unit_sensitivity.measure import measure_units
from closedloop.studies.unit_sensitivity.options import resolve, unit_sensitivity_command
from closedloop.studies.unit_sensitivity.report import write_unit_report
from closedloop.studies.unit_sensitivity.settings import StudyFiles


def run_study(
    options: UnitSensitivityOptions, out: Path, *, workers: str | None, device: str, progress: ProgressCallback
) -> list[str]:
    """Measure, write tables, figure and page, and return what to tell the user.

    Parameters
    ----------
    options
        What was asked for.
    out
        Folder for the results; created if missing.
    workers
        Who computes, as ``--workers`` takes it; None for this machine. The result does not depend on it.
    device
        auto, cpu, cuda, or the name of one device.
    progress
        Called with (shards done, shards in total).

    Raises
    ------
    OptionError, CheckpointError, ProtocolError, ImageError
        Something that was named cannot be used.
    ExecutionError, StorageError
        Workers were lost, or the disk is full.
    """
    check_options(options, out, workers=workers)
    check_device(device)
    study = resolve(options)
    who = own_workers() if workers is None else parse_workers(workers)
    measure_units(study, out, workers=who, device=device, progress=progress)
    page = write_unit_report(out, command=unit_sensitivity_command(options))
    return [*_summary(read_table(StudyFiles(out).sensitivity, UNIT_SENSITIVITY)), f"Open {page}"]


def _summary(sensitivity: Columns) -> list[str]:
    """Return the means as text, a line a network, a column an epsilon."""
    names = list(dict.fromkeys(sensitivity["network"].tolist()))
    width = max(len(name) for name in names)
    epsilons = sorted(set(sensitivity["epsilon"].tolist()))
    lines = [" " * width + "".join(f"{f'epsilon {epsilon:g}':>25}" for epsilon in epsilons)]
    for name in names:
        own = {key: column[sensitivity["network"] == name] for key, column in sensitivity.items()}
        cells = [
            f"{mean:.3f} [{low:.3f}, {high:.3f}]"
            for mean, low, high in zip(own["mean"], own["low"], own["high"], strict=True)
        ]
        lines.append(name.ljust(width) + "".join(f"{cell:>25}" for cell in cells))
    return [*lines, "Mean over units of |change| / SD over clean images, with its 95 % interval."]
