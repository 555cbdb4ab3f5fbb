"""`closedloop studies unit-sensitivity`: from a user's words to a folder of results."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from closedloop.artifacts.tables import Columns, read_table
from closedloop.attacks.devices import own_workers
from closedloop.errors import ProtocolError
from closedloop.execution.workers import parse_workers
from closedloop.studies.networks import parse_networks
from closedloop.studies.unit_sensitivity.documents import UNIT_SENSITIVITY
from closedloop.studies.unit_sensitivity.measure import measure_units
from closedloop.studies.unit_sensitivity.report import write_unit_report
from closedloop.studies.unit_sensitivity.settings import PAPER, QUICK, StudyFiles, UnitStudy

Progress = Callable[[int, int], None]

PROCEDURAL = "procedural"


@dataclass(frozen=True)
class Words:
    """What a user said; None where nothing."""

    networks: tuple[str, ...]
    architecture: str | None
    images: str
    epsilons: str
    n_units: int
    images_per_unit: int
    n_clean: int
    restarts: int | None
    steps: int | None
    paper: bool
    seed: int


def study_units(words: Words, out: Path, *, workers: str | None, device: str, progress: Progress) -> list[str]:
    """Measure, write tables, figure and page, and return what to tell the user.

    Raises
    ------
    CheckpointError, ProtocolError, ImageError
        Something that was named cannot be used.
    ExecutionError, StorageError
        Workers were lost, or the disk is full.
    """
    study = study_of(words)
    who = own_workers() if workers is None else parse_workers(workers)
    measure_units(study, out, workers=who, device=device, progress=progress)
    page = write_unit_report(out, command=command_of(words))
    return [*_lines(read_table(StudyFiles(out).sensitivity, UNIT_SENSITIVITY)), f"Open {page}"]


def study_of(words: Words) -> UnitStudy:
    """Understand the words.

    Raises
    ------
    CheckpointError, ProtocolError
        A network or a number cannot be understood.
    """
    search = PAPER if words.paper else QUICK
    search = replace(search, restarts=words.restarts or search.restarts, steps=words.steps or search.steps)
    return UnitStudy(
        networks=parse_networks(words.networks, architecture=words.architecture),
        images=None if words.images == PROCEDURAL else Path(words.images),
        epsilons=_numbers(words.epsilons),
        n_units=words.n_units,
        images_per_unit=words.images_per_unit,
        n_clean=words.n_clean,
        search=search,
        ladder=not words.paper,
        seed=words.seed,
    )


def command_of(words: Words) -> str:
    """Return the command line that asks for the same."""
    given = {
        "--architecture": words.architecture,
        "--images": words.images,
        "--epsilons": words.epsilons,
        "--units": words.n_units,
        "--images-per-unit": words.images_per_unit,
        "--clean-images": words.n_clean,
        "--restarts": words.restarts,
        "--steps": words.steps,
        "--seed": words.seed,
    }
    parts = ["closedloop", "studies", "unit-sensitivity"]
    parts += [part for network in words.networks for part in ("--network", network)]
    parts += [part for option, value in given.items() if value is not None for part in (option, str(value))]
    return shlex.join(parts + ["--paper"] * words.paper)


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ProtocolError(f"--epsilons {text}: expected numbers set apart by commas. Correct it.") from error


def _lines(sensitivity: Columns) -> list[str]:
    """Lay the means out, a line a network, a column an epsilon."""
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
