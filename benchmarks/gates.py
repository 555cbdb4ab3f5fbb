"""Gates after the session and after the fit: what each says of a fault made for it, and of simulated days without one.

Six-day studies are run, or given; every day but the first is a clean day, and a copy of one day of each is given every
fault of `benchmarks.gate_faults`. Run: ``python -m benchmarks gates [--studies FOLDER ...] [--faults-of N]``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import yaml

from benchmarks.gate_faults import INTAKE_FAULTS, REVIEW_FAULTS, TWO_ARRAY_FAULTS, Fault, Quiet, find
from closedloop.artifacts.gates.report import Checkpoint, GateFinding, GateLevel
from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import ClosedLoopError
from closedloop.gates.evaluate import evaluate_checkpoint
from closedloop.gates.table import GATES
from closedloop.study.create import Request, create_study
from closedloop.study.loop import read_identity, run_study

SEEDS = (2022, 31, 47, 59)
_AFTER: tuple[Checkpoint, ...] = ("intake", "review")
_FIRST_DAY = 2  # with a fault; day 1 has raw voltage, which takes longer to copy


@dataclass(frozen=True)
class Row:
    """What a gate said of one fault in several studies."""

    fault: Fault
    said: tuple[str, ...]

    @property
    def line(self) -> str:
        """As a row of a table."""
        return f"| `{self.fault.gate}` | {self.fault.made} | {_counted(self.said)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--studies", type=Path, nargs="*", default=[], help="finished simulated studies; else four are run"
    )
    parser.add_argument("--faults-of", type=int, default=None, help="make faults in so many of them alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.studies[0].parent if options.studies else None) as scratch:
        studies = [StudyPaths(folder) for folder in options.studies] or [_run(Path(scratch), seed) for seed in SEEDS]
        print_clean(studies)
        print("| gate | fault made | level found |\n|---|---|---|")
        for row in fault_rows(studies[: options.faults_of], Path(scratch)):
            print(row.line, flush=True)


def _run(folder: Path, seed: int) -> StudyPaths:
    plain = yaml.safe_load(shipped_protocols()["dry_run"].read_text())
    protocol = folder / f"dry_run_{seed}.yaml"
    protocol.write_text(yaml.safe_dump(plain | {"seed": seed}))
    request = Request(root=folder / f"study-{seed}", subject=f"monkey-{seed}", simulated=True, protocol=str(protocol))
    paths = create_study(request)
    run_study(paths, Quiet())
    return paths


def print_clean(studies: Sequence[StudyPaths]) -> None:
    """Print what every gate says of days without a fault, and on how many of them one holds."""
    levels: dict[str, Counter[GateLevel]] = defaultdict(Counter)
    holding, n_days = 0, 0
    for found in clean_days(studies):
        n_days += 1
        holding += any(finding.level == "HOLD" for finding in found)
        for finding in found:
            levels[finding.gate][finding.level] += 1
    print("| gate | " + " | ".join(get_args(GateLevel)) + " |\n|---|---|---|---|")
    for gate in GATES:
        if gate.name in levels:
            print(f"| `{gate.name}` | " + " | ".join(str(levels[gate.name][one]) for one in get_args(GateLevel)) + " |")
    print(f"\n{holding} of {n_days} clean days held\n")


def clean_days(studies: Iterable[StudyPaths]) -> Iterator[tuple[GateFinding, ...]]:
    """Yield what the gates after the session and the fit say of each day after the first."""
    for paths in studies:
        study, protocol = read_identity(paths)
        for day in range(1, protocol.days):
            reports = [evaluate_checkpoint(paths, study, protocol, day, checkpoint) for checkpoint in _AFTER]
            yield tuple(finding for report in reports for finding in report.findings)


def fault_rows(studies: Sequence[StudyPaths], scratch: Path) -> Iterator[Row]:
    """Make each fault in each study, on another day in each, and yield what its gate says."""
    for number, fault in enumerate((*INTAKE_FAULTS, *TWO_ARRAY_FAULTS, *REVIEW_FAULTS)):
        fit = [paths for paths in studies if fault not in TWO_ARRAY_FAULTS or _n_processors(paths) > 1]
        said = tuple(
            _say(paths, fault, day=_day(paths, place), folder=scratch / f"fault-{number}-{place}")
            for place, paths in enumerate(fit)
        )
        if said:
            yield Row(fault, said)


def _say(paths: StudyPaths, fault: Fault, *, day: int, folder: Path) -> str:
    try:
        report = find(paths, fault, day=day, folder=folder)
    except ClosedLoopError as error:
        return f"refused by the stage: {error}"
    (own,) = [finding for finding in report.findings if finding.gate == fault.gate]
    return own.level


def _day(paths: StudyPaths, place: int) -> int:
    last = read_identity(paths)[1].days - 1
    return min(_FIRST_DAY + place % max(last - _FIRST_DAY + 1, 1), last)


def _n_processors(paths: StudyPaths) -> int:
    return read_identity(paths)[1].simulation.n_processors


def _counted(said: Sequence[str]) -> str:
    return ", ".join(f"{level} {n} of {len(said)}" for level, n in Counter(said).most_common())


if __name__ == "__main__":
    main()
