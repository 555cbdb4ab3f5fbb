"""How much of the white box attacks reach, by `ahead.yaml` and by the paper's way, around five simulated subjects.

Whole studies through files, at as many presentations a day: three subjects of the shipped cortex (`ahead.yaml` was
tuned on the first alone), one whose hidden weights were trained from another seed, and one of another kind, recurrent.
The paper's way is one robust network, fitted to clean images and to the attacks on them, and attacked by its own
gradient; both are judged by the same bound. Run: ``python -m benchmarks subjects --out FOLDER [--processes 2]``; it
resumes, and tells the table of the studies that are finished.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from closedloop.artifacts import catalog
from closedloop.artifacts.day.evaluation import AttainedFraction
from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.artifacts.study import StudyPaths

SUBJECTS = {
    "0": ("simulated", "shipped"),
    "1": ("simulated-1", "shipped"),
    "2": ("simulated-2", "shipped"),
    "other weights": ("simulated", "other_weights"),
    "recurrent": ("simulated", "recurrent"),
}
"""The monkey's name, which decides its sites and tuning, and its cortex."""

PAPERS_WAY: dict[str, dict[str, Any]] = {
    "images": {"clean_per_day": 300, "anchors": 84},
    "attack": {
        "search": "paper31",
        "gradient": {},
        "steps": 100,
        "step_fraction": 1 / 3,
        "anchors_per_site": 12,
        "fresh_images_per_site": 4,
        "first_day": 0,
    },
    "controls": {"n_images": 16},
    "fit": {
        "epochs": 5,
        "first_epochs": None,
        "batch_size": 32,
        "base_learning_rate": 0.001,
        "readout_learning_rate": 0.01,
        "shift": 0.0,
        "weight_decay": 0.01,
        "decay_images": None,
    },
}
"""What `ahead.yaml` says otherwise, beside its ensemble and its probes: as `guo2022.yaml` at so many presentations."""

_DAYS = (1, 5)


@dataclass(frozen=True)
class Study:
    """One subject by one protocol."""

    subject: str
    way: str
    folder: Path

    @property
    def protocol(self) -> Path:
        """The file that it is run by."""
        return self.folder.with_suffix(".yaml")

    @property
    def log(self) -> Path:
        """What the run says."""
        return self.folder.with_suffix(".log")

    def run(self) -> float:
        """Run it, or what is left of it, and return the seconds that took."""
        started = time.monotonic()
        name, cortex = SUBJECTS[self.subject]
        self.protocol.write_text(yaml.safe_dump(protocol_of(self.way, cortex=cortex)))
        command = [sys.executable, "-m", "closedloop", "dry-run", str(self.folder), "--protocol", str(self.protocol)]
        with self.log.open("a") as log:
            subprocess.run([*command, "--subject", name], check=True, stdout=log, stderr=log)
        return time.monotonic() - started

    def attained(self, day: int) -> tuple[AttainedFraction, ...]:
        """Return a day's parts of the white box by epsilon; none before it is evaluated."""
        file = catalog.EVALUATION.published(StudyPaths(self.folder), day)
        return catalog.EVALUATION.read(file).attained if file.is_file() else ()


def main() -> None:
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)
    studies = [
        Study(subject, way, options.out / f"{way}-{subject.replace(' ', '-')}")
        for subject in options.subjects
        for way in options.ways
    ]
    if not options.table:
        with ThreadPoolExecutor(options.processes) as pool:
            for study, seconds in zip(studies, pool.map(Study.run, studies), strict=True):
                print(f"{study.way}, subject {study.subject}: {seconds / 60:.1f} min", file=sys.stderr, flush=True)
    print("\n".join(table(studies)))


def protocol_of(way: str, *, cortex: str) -> Mapping[str, Any]:
    """Return `ahead.yaml`, or the paper's way at as many presentations, around a kind of cortex.

    Parameters
    ----------
    way
        ``ahead`` or ``paper``.
    cortex
        One of `simulation.cortex.kinds.KINDS`.
    """
    plain = yaml.safe_load(shipped_protocols()["ahead"].read_text())
    plain["simulation"]["cortex"] = cortex
    if way == "paper":
        del plain["ensemble"], plain["probes"]
        for section, keys in PAPERS_WAY.items():
            plain[section].update(keys)
        plain["name"] = "papers_way"
    return plain


def table(studies: list[Study]) -> Iterator[str]:
    """Yield a row a study and day: the part of the white box at each epsilon with its 95 % interval, in per cent.

    Parameters
    ----------
    studies
        Those that are not finished are left out.
    """
    found = [(study, day, study.attained(day)) for study in studies for day in _DAYS]
    epsilons = sorted({one.epsilon for _, _, attained in found for one in attained})
    yield "| subject | way | day | " + " | ".join(f"epsilon {epsilon:g}" for epsilon in epsilons) + " |"
    yield "|---|---|---|" + "---|" * len(epsilons)
    for study, day, attained in found:
        if attained:
            parts = ("?" if one.fraction is None else f"{one.fraction:.3f} ({_ends(one)})" for one in attained)
            yield f"| {study.subject} | {study.way} | {day} | " + " | ".join(parts) + " |"


def _ends(one: AttainedFraction) -> str:
    ends = (one.interval_low, one.interval_high)
    return " to ".join("?" if end is None else f"{end:.2f}" for end in ends)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the studies")
    parser.add_argument("--subjects", nargs="+", choices=tuple(SUBJECTS), default=list(SUBJECTS))
    parser.add_argument("--ways", nargs="+", choices=("ahead", "paper"), default=["ahead", "paper"])
    parser.add_argument("--processes", type=int, default=1, help="studies at once")
    parser.add_argument("--table", action="store_true", help="run nothing: the table of what is there")
    return parser.parse_args()


if __name__ == "__main__":
    main()
