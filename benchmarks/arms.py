"""Whether a study's arms rank as the hidden truth ranks them, around simulated subjects, by `protocols/arms.yaml`.

Whole studies through files: what the report says of all days with arms together, beside the hidden cortex's changes.
Run: ``python -m benchmarks arms --out FOLDER [--subjects NAME ...]``; it resumes, and tells the table of the studies
that are finished.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from closedloop.artifacts import catalog
from closedloop.artifacts.study import StudyPaths
from closedloop.report.arms.numbers import ArmResult, ComparedArms, SessionArms, compared_arms

SUBJECTS = ("simulated", "simulated-1", "simulated-2")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks arms", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="studies, one a subject")
    parser.add_argument("--subjects", nargs="+", default=SUBJECTS, metavar="NAME", help="simulated monkeys")
    parser.add_argument("--table", action="store_true", help="no study is run: the table of those that are there")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    folders = {name: options.out / name for name in options.subjects}
    if not options.table:
        for name, folder in folders.items():
            command = [sys.executable, "-m", "closedloop", "dry-run", str(folder), "--protocol", "arms"]
            subprocess.run([*command, "--subject", name], check=True, stdout=sys.stderr)
    print("\n".join(line for name, folder in folders.items() for line in _rows(name, folder)))


def _rows(name: str, folder: Path) -> Iterator[str]:
    for one in compared_arms(list(_sessions(StudyPaths(folder)))):
        true = sorted(one.arms, key=lambda arm: -arm.truth)
        alike = [arm.name for arm in true] == [arm.name for arm in one.arms]
        yield f"{name}, epsilon {one.epsilon:g}: ranked as in truth: {'yes' if alike else 'no'}"
        yield from (f"  {_said(arm)}" for arm in one.arms)
        yield from (f"  {line}" for line in _differences(one))


def _sessions(paths: StudyPaths) -> Iterator[SessionArms]:
    for day in range(100):
        effects, foretold = (file.published(paths, day) for file in (catalog.ARM_EFFECTS, catalog.ARM_FORETOLD))
        if effects.is_file() and foretold.is_file():
            yield SessionArms(catalog.ARM_EFFECTS.read(effects), catalog.ARM_FORETOLD.read(foretold))


def _said(arm: ArmResult) -> str:
    low, high = arm.change.interval
    reviews = ", ".join(
        f"{review.reviewer} {review.r.value:.2f} [{review.r.low:.2f}, {review.r.high:.2f}]"
        for review in arm.reviews.reviews
    )
    return (
        f"{arm.name}: {arm.change.mean:.3f} [{low:.3f}, {high:.3f}], true {arm.truth:.3f}, {arm.change.n_pairs} "
        f"attacks; r by {reviews}; ceiling {arm.reviews.ceiling:.2f}"
    )


def _differences(one: ComparedArms) -> Iterator[str]:
    for two in one.differences:
        low, high = two.difference.interval
        yield (
            f"{two.first} - {two.second}: {two.difference.mean:+.3f} [{low:+.3f}, {high:+.3f}], "
            f"corrected p {two.corrected_p:.4f}"
        )


if __name__ == "__main__":
    main()
