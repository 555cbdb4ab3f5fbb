"""Slopes, fitted costs and what a large experiment takes by them; that the measured studies can be; going on."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.scaling.large import Experiment, check_table, fit, large_table, work_of
from benchmarks.scaling.measured import PAGES, Row, measure, read_rows
from benchmarks.scaling.run import report
from benchmarks.scaling.sizes import AXES, CHECK, Size, sizes
from benchmarks.scaling.slopes import log_slope, slopes_of
from benchmarks.scaling.words import days_table, slopes_table, steep, totals_table
from closedloop.artifacts.protocol.protocol import parse_protocol

SIZES = sizes(tuple(AXES), quick=False)


def counted(size: Size) -> Row:
    """A row that holds what a study shows, as its protocol says."""
    protocol = parse_protocol(size.protocol(), place=size.name)
    images, attack, sites = protocol.images, protocol.attack, protocol.sites.n_sites
    attacks = sites * len(attack.epsilons) * (attack.anchors_per_site + attack.fresh_images_per_site)
    clean = images.clean_per_day + images.anchors + images.normalizers
    presentations = clean * images.clean_repetitions + attacks * attack.repetitions
    return Row(size.name, size.axis, size.factor, 1, "present", 0, 0, 0, 0, 0, presentations, clean + attacks, attacks)


def ingest(size: Size) -> Row:
    """Ingest that costs 2 s a day, 3 ms a presentation and 20 us a presentation and electrode; memory likewise."""
    row = counted(size)
    work = work_of(row)
    seconds = 2 + 3e-3 * work.presentations + 2e-5 * work.presentations * work.electrodes
    return replace(row, stage="ingest", cpu_s=seconds, wall_s=seconds, peak_mb=300 + seconds, added_mb=10 * seconds)


def test_the_slope_of_a_power_is_its_exponent_and_noise_is_told_as_least_squares_tells_it() -> None:
    assert log_slope([1, 3, 10], [5, 15, 50]) == (1.0, 0.0)
    x, y = np.log([1.0, 3.0, 10.0]), np.log([2.0, 7.0, 18.0])
    found, covariance = np.polyfit(x, y, 1, cov=True)
    slope, error = log_slope([1, 3, 10], [2, 7, 18])
    assert slope == pytest.approx(found[0])
    assert error == pytest.approx(math.sqrt(covariance[0, 0]))
    assert math.isnan(log_slope([1, 3], [2, 7])[1])


def test_every_study_that_is_measured_can_be_and_one_thing_grows_at_a_time() -> None:
    small = work_of(counted(Size("all", 1)))
    ratios = {size.name: {} for size in SIZES}
    for size in SIZES:
        work = work_of(counted(size))
        ratios[size.name] = {name: round(value / getattr(small, name), 1) for name, value in asdict(work).items()}
    assert ratios["sites-10"]["sites"] == ratios["sites-10"]["electrodes"] == ratios["sites-10"]["attacks"] == 10
    assert ratios["sites-10"]["raw"] == ratios["voltage-10"]["presentations"] == 1
    assert ratios["voltage-10"]["raw"] == ratios["images-10"]["images"] == ratios["epsilons-10"]["epsilons"] == 10
    assert ratios["presentations-10"]["presentations"] == 10
    assert ratios["presentations-10"]["images"] == ratios["days-10"]["images"] == 1
    assert ratios[CHECK.name]["attacks"] == 30
    assert len(sizes(tuple(AXES), quick=True)) == 7


def test_what_is_steep_is_told_and_what_is_not_is_not() -> None:
    def row(axis: str, factor: int, cpu_s: float) -> Row:
        return replace(ingest(Size(axis, factor)), cpu_s=cpu_s, added_mb=20.0, n_bytes=100)

    quadratic = [row("all", 1, 1.0), row("images", 3, 1.8), row("images", 10, 11.0)]
    (line,) = steep(slopes_of(quadratic))
    assert line.startswith("steep: ingest over images, CPU-s: 1, 1.8, 11")
    linear = [row("all", 1, 1.0), row("images", 3, 3.0), row("images", 10, 10.0)]
    assert not list(steep(slopes_of(linear)))
    (_, _, told) = slopes_table(slopes_of(linear), "cpu_s")
    assert "1 to 10: 1.00 +- 0.00 (1.00)" in told


def test_costs_that_were_put_in_are_found_and_foretell_a_study_that_was_not_fitted() -> None:
    rows = [found for size in SIZES for found in (counted(size), ingest(size))]
    (fitted,) = fit(rows)
    assert fitted.off < 1e-6
    assert fitted.cpu_s == pytest.approx(
        {"a day": 2, "a presentation": 3e-3, "a presentation and electrode": 2e-5}
        | {"a presentation and channel of voltage": 0},
        abs=1e-9,
    )
    told = list(check_table(rows, [fitted]))[-1]
    expected = ingest(CHECK).cpu_s
    assert told.startswith(f"| ingest | {expected:.2f} | {expected:.2f} |")


def test_a_large_experiment_costs_what_its_numbers_say() -> None:
    wanted = Experiment(sites=1000, epsilons=10, images=10_000, days=30, attacked=0.8, repetitions=2)
    lines = list(large_table(wanted, []))
    assert lines[0] == "10,000 images a day: 8,000 attacks and 20,000 presentations a day, 30 days"
    of = {line.split(" | ")[0].removeprefix("| "): line for line in lines[: lines.index("")] + lines[2:12]}
    gradients = 8_000 * 2 * wanted.steps
    assert f"{gradients / wanted.gradients_per_s / 60:.3g} GPU-min" in of["attacks"]
    session_s = 20_000 * 0.2 / 0.8
    assert f"{1000 * 30_000 * 2 * session_s / 1e9:.3g} GB" in of["voltage on disk"]
    assert f"{1000 * 30_000 * 2 * session_s * 30 / 1e12:.3g} TB" in of["voltage on disk"]
    assert any(line.startswith("every image attacked") and "100,000,000 attacks" in line for line in lines)


def test_without_measurements_the_assumptions_are_told_and_no_empty_table() -> None:
    lines = report([], experiment=Experiment(), picture=None)
    assert "Nothing is measured in this folder" in lines[0]
    assert any(line.startswith("| attacks | 2.99 GPU-min") for line in lines)
    tables = "\n".join(lines).split("\n\n")
    assert all(table.count("\n") > 1 for table in tables if table.startswith("|"))


def test_what_was_measured_stands_and_half_a_line_does_not_count(tmp_path: Path) -> None:
    size = Size("all", 1)
    file = tmp_path / "all-1.jsonl"
    whole, last = (json.dumps(asdict(replace(counted(size), stage=stage))) for stage in ("schedule", PAGES))
    file.write_text(f"{whole}\n{last[:40]}")
    assert [row.stage for row in read_rows(file)] == ["schedule"]
    file.write_text(f"{whole}\n{last}\n")
    measure(size, out=tmp_path, tell=pytest.fail)
    assert [path.name for path in tmp_path.iterdir()] == ["all-1.jsonl"]
    assert len(list(totals_table(read_rows(file)))) == 3
    assert not list(days_table(slopes_of(read_rows(file))))
