"""The six-day dry run as a newcomer runs it: minutes, memory, disk, and whether sensitivity grows as it should.

Run: ``python -m benchmarks`` (about ten minutes: the paper's random readout and the closed-form start, one after the
other; ``--twice`` adds a second run of the first and compares the bytes).
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.day.evaluation import PAIRS, EvaluationReport
from closedloop.artifacts.tables import read_table

Table = dict[tuple[int, float, str], tuple[float, float]]


@dataclass(frozen=True)
class Run:
    """One finished study and what it cost."""

    study: Path
    seconds: float
    peak_memory_gb: float
    disk_gb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--twice", action="store_true", help="run the first study again and compare its bytes")
    parser.add_argument("--keep", type=Path, help="folder for the studies (a temporary one by default)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        random = run_study(folder / "random", protocol="dry_run")
        closed_form = run_study(folder / "closed-form", protocol=str(closed_form_protocol(folder)))
        report(random, closed_form)
        if options.twice:
            again = run_study(folder / "again", protocol="dry_run")
            same = (random.study / "report/sensitivity.csv").read_bytes() == (
                again.study / "report/sensitivity.csv"
            ).read_bytes()
            print(f"same seed twice: {'the same sensitivity.csv' if same else 'ANOTHER sensitivity.csv'}")


def closed_form_protocol(folder: Path) -> Path:
    """Write dry_run.yaml with the closed-form start."""
    text = (Path(__file__).parents[1] / "protocols" / "dry_run.yaml").read_text()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "closed_form.yaml"
    path.write_text(text.replace("readout_start: random ", "readout_start: closed_form "))
    return path


def run_study(study: Path, *, protocol: str) -> Run:
    """Run a dry run as a process; measure it from outside."""
    started = time.monotonic()
    command = [sys.executable, "-m", "closedloop.cli", "dry-run", str(study), "--protocol", protocol]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{study}: the dry run ended with status {status}")
    size = sum(file.stat().st_size for file in study.rglob("*") if file.is_file())
    return Run(study, time.monotonic() - started, usage.ru_maxrss / 1e6, size / 1e9)


def read_csv(run: Run, name: str) -> Table:
    """Return (mean, standard error) by (day, epsilon, estimate)."""
    with (run.study / "report" / name).open() as file:
        return {
            (int(row["day"]), float(row["epsilon"]), row["estimate"]): (
                float(row["mean"]),
                float(row["standard_error"]),
            )
            for row in csv.DictReader(file)
        }


def report(random: Run, closed_form: Run) -> None:
    """Print the figures as they stand in docs/benchmarks.md."""
    for name, run in (("random readout", random), ("closed-form start", closed_form)):
        print(f"{name}: {run.seconds:.0f} s, peak memory {run.peak_memory_gb:.2f} GB, disk {run.disk_gb:.2f} GB")
    truth, measured, start = (
        read_csv(random, "truth.csv"),
        read_csv(random, "sensitivity.csv"),
        read_csv(closed_form, "truth.csv"),
    )
    epsilons = sorted({epsilon for _, epsilon, _ in truth})
    last = max(day for day, _, _ in truth)
    print(
        "\n| epsilon | gaussian | linear | day 1 | day 4 | day 5 | white box | day 5 / day 1 "
        "| closed form day 1 | in order |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for epsilon in epsilons:
        controls = [max(truth[day, epsilon, kind][0] for day in (1, last)) for kind in ("gaussian", "linear")]
        first, fourth, fifth = (truth[day, epsilon, "true"][0] for day in (1, last - 1, last))
        bound = truth[last, epsilon, "white_box"][0]
        ordered = max(controls) < first < fifth < bound
        values = [*controls, first, fourth, fifth, bound, fifth / first, start[1, epsilon, "true"][0]]
        print(
            f"| {epsilon:g} | " + " | ".join(f"{value:.4f}" for value in values) + f" | {'yes' if ordered else 'NO'} |"
        )
    for epsilon in epsilons:
        print(_growth_line(random, measured, epsilon, last))
    evaluation = EvaluationReport.read(random.study / f"day-{last:02d}/evaluate/evaluation.json")
    signs = {row.epsilon: round(row.sign_agreement_true or 0, 3) for row in evaluation.epsilons}
    total = sum((row.sign_agreement_true or 0) * row.n_pairs for row in evaluation.epsilons)
    print(f"sign agreement on day {last}: {total / sum(row.n_pairs for row in evaluation.epsilons):.3f} {signs}")


def _growth_line(run: Run, measured: Table, epsilon: float, last: int) -> str:
    (first, first_se), (fifth, fifth_se) = measured[1, epsilon, "paper"], measured[last, epsilon, "paper"]
    error = math.hypot(first_se, fifth_se)
    paired, paired_error = paired_growth(run, epsilon, last)
    return (
        f"measured at epsilon {epsilon:g}: day {last} - day 1 = {fifth - first:.3f}, standard error {error:.3f} "
        f"({(fifth - first) / error:.1f} of them); in pairs {paired:.3f} +- {paired_error:.3f} "
        f"({paired / paired_error:.1f})"
    )


def paired_growth(run: Run, epsilon: float, last: int) -> tuple[float, float]:
    """Compare the paper's estimator on the same anchor and site on two days; standard error clustered by image."""
    by_day = {}
    for day in (1, last):
        table = read_table(run.study / f"day-{day:02d}/evaluate/pairs.parquet", PAIRS)
        rows = zip(table["kind"], table["role"], table["epsilon"], table["image_id"], table["neuroid_id"],
                   table["predicted_sign"] * table["change"], strict=True)  # fmt: skip
        by_day[day] = {
            (image, site): value
            for kind, role, own, image, site, value in rows
            if kind == "attacked" and role == "anchor" and own == epsilon and math.isfinite(value)
        }
    growth = {pair: by_day[last][pair] - by_day[1][pair] for pair in by_day[1] if pair in by_day[last]}
    mean = sum(growth.values()) / len(growth)
    sums: dict[str, float] = {}
    for (image, _), value in growth.items():
        sums[image] = sums.get(image, 0.0) + value - mean
    n = len(sums)
    return mean, math.sqrt(n / (n - 1) * sum(value**2 for value in sums.values())) / len(growth)


if __name__ == "__main__":
    main()
