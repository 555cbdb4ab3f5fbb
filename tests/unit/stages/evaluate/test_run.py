"""The stage evaluate on a day worked out by hand, real and simulated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.stimulus_set import StimulusSet
from closedloop.artifacts.tables import Columns
from closedloop.simulation.subject import simulated_cortex
from closedloop.stages.context import StageContext
from closedloop.stages.evaluate.hidden_truth import read_hidden_truth
from closedloop.stages.evaluate.run import run
from closedloop.stages.evaluate.units import NETWORKS, SMALL_SIDE_PX
from tests.unit.days import context
from tests.unit.stages.evaluate.small_days import ROWS, SIGMA, drawn_images, small_day, write_small_day

SPIKE_MS = (-50.0, 100.0, 299.0, 310.0)


def evaluated(root: Path, *, side_px: int = 64, other_site: bool = False, **surroundings: Any) -> StageContext:
    """Run the stage; artificial units are attacked only where images have 32 pixels."""
    made = context(
        root,
        "evaluate",
        attack={"epsilons": [2.5]},
        images={"side_px": side_px},
        evaluation={"white_box_steps": 1, "unit_steps": 1, "n_units": 1, "other_site": other_site},
        **surroundings,
    )
    write_small_day(made, spike_ms=SPIKE_MS)
    if side_px == SMALL_SIDE_PX:
        write_drawn_images(made)
    run(made)
    return made


def write_drawn_images(made: StageContext) -> None:
    """Replace the stimuli by computed images of the networks' size: noise leaves some units silent."""
    images = drawn_images(len(ROWS), side_px=SMALL_SIDE_PX)
    catalog.IMAGES.write(made.path(catalog.IMAGES), {"images": images}, simulated=made.simulated)


def rows_of(table: Columns, **equal: Any) -> Columns:
    keep = np.logical_and.reduce([table[name] == value for name, value in equal.items()])
    return {name: column[keep] for name, column in table.items()}


def sensitivity(made: StageContext) -> Columns:
    return catalog.SENSITIVITY.read(made.output(catalog.SENSITIVITY))


def test_a_real_day_has_measured_rows_and_nothing_that_only_a_simulation_knows(tmp_path: Path) -> None:
    made = evaluated(tmp_path, simulated=False, day=3)
    table = sensitivity(made)
    assert set(table["estimate"].tolist()) == {"paper", "cross_fitted", "gaussian"}
    assert not table["truth"].any()
    assert set(table["day"].tolist()) == {3}
    paper = rows_of(table, estimate="paper", image_set="all", site="")
    assert (paper["mean"].tolist(), paper["n_images"].tolist()) == ([0.5], [2])
    pairs = catalog.PAIRS.read(made.output(catalog.PAIRS))
    np.testing.assert_allclose(pairs["change"][:2], [2.0, 1.0])
    assert np.isnan(pairs["true_change"]).all()
    report = catalog.EVALUATION.read(made.output(catalog.EVALUATION))
    assert (report.day, report.simulated, report.n_attacked) == (3, False, 3)
    assert report.r_predicted == {"array1-007": 1.0, "array1-003": -1.0}


def test_rasters_show_the_preferred_image_the_base_and_the_attack_that_raised_most(tmp_path: Path) -> None:
    """From 100 ms before to 300 ms after every showing, spikes of the chosen electrode alone."""
    report = catalog.EVALUATION.read(evaluated(tmp_path, simulated=False).output(catalog.EVALUATION))
    assert [(raster.title, raster.image_index) for raster in report.rasters] == [
        ("preferred, clean", 2),
        ("another image, clean", 3),
        ("the same, attacked", 4),
    ]
    for raster in report.rasters:
        assert raster.neuroid_id == "array1-007"
        assert raster.spike_times_ms == (pytest.approx((-50.0, 100.0, 299.0)),) * 2


def test_a_day_ingested_without_onsets_takes_those_of_the_responses(tmp_path: Path) -> None:
    made = evaluated(tmp_path / "with", simulated=False)
    before = made.output(catalog.EVALUATION).read_bytes()
    made.path(catalog.ONSETS).unlink()
    run(made)
    assert made.output(catalog.EVALUATION).read_bytes() == before


def test_a_simulated_day_adds_what_the_cortex_does_and_what_its_own_gradient_finds(tmp_path: Path) -> None:
    made = evaluated(tmp_path)
    table = sensitivity(made)
    assert set(rows_of(table, truth=True)["estimate"].tolist()) == {"true", "gaussian", "white_box"}
    assert rows_of(table, estimate="white_box")["image_set"].tolist() == ["anchors"]
    assert np.isfinite(catalog.PAIRS.read(made.output(catalog.PAIRS))["true_change"]).all()


def test_the_truth_is_of_the_cortexs_electrodes_to_which_the_sites_are_bound(tmp_path: Path) -> None:
    """Sites 0 and 1 are electrodes 7 and 3: columns 6 and 2 of the cortex. Row 4 was made from row 3, row 5 from 1."""
    made = evaluated(tmp_path)
    cortex = simulated_cortex(made.protocol, made.study)
    rates_hz = cortex.rates_hz(catalog.IMAGES.read(made.path(catalog.IMAGES))["images"], day=0)
    pairs = catalog.PAIRS.read(made.output(catalog.PAIRS))
    expected = [rates_hz[4, 6] - rates_hz[3, 6], rates_hz[5, 6] - rates_hz[1, 6], rates_hz[7, 6] - rates_hz[3, 6]]
    np.testing.assert_allclose(pairs["true_change"][:3] * SIGMA[0], expected, rtol=1e-6)
    np.testing.assert_allclose(pairs["true_change"][3] * SIGMA[1], rates_hz[7, 2] - rates_hz[3, 2], rtol=1e-6)


def test_the_second_processors_electrodes_follow_those_of_the_first_in_the_cortex(tmp_path: Path) -> None:
    made = context(tmp_path, "evaluate", attack={"epsilons": [2.5]}, images={"side_px": 64})
    cortex = simulated_cortex(made.protocol, made.study)
    day = small_day()
    images = drawn_images(len(ROWS), side_px=64)
    one, other = day.sites
    two = replace(
        day,
        stimuli=StimulusSet(day.stimuli.columns, images),
        sites=(one, other.model_copy(update={"processor": 2})),
    )
    truth = read_hidden_truth(cortex, two, recording_day=0, n_processors=2, name="cortex")
    columns = [7 - 1, cortex.n_electrodes // 2 + 3 - 1]
    np.testing.assert_array_equal(truth.rates_hz, cortex.rates_hz(images, day=0)[:, columns])


def test_artificial_units_are_attacked_on_day_0_and_their_rows_are_those_of_every_day(tmp_path: Path) -> None:
    first = evaluated(tmp_path, side_px=SMALL_SIDE_PX, simulated=False)
    units = {name: rows_of(sensitivity(first), estimate=name) for name in NETWORKS}
    assert all(len(rows["mean"]) == 1 and rows["mean"][0] > 0 for rows in units.values())
    first.working.rename(first.published("evaluate"))
    later = sensitivity(evaluated(tmp_path, side_px=SMALL_SIDE_PX, simulated=False, day=1))
    for name, rows in units.items():
        kept = rows_of(later, estimate=name)
        assert kept["mean"].tolist() == rows["mean"].tolist()
        assert kept["day"].tolist() == [1]


def test_the_same_day_gives_the_same_bytes(tmp_path: Path) -> None:
    made = [evaluated(tmp_path / name) for name in ("one", "other")]
    for file in (catalog.SENSITIVITY, catalog.PAIRS, catalog.EVALUATION):
        first, second = (one.output(file).read_bytes() for one in made)
        assert first == second, file.name


def test_attacks_are_looked_at_elsewhere_where_the_protocol_asks_for_it(tmp_path: Path) -> None:
    """Attacks on row 3 and on row 1 were made for site 0, and one for an output without an electrode."""
    made = evaluated(tmp_path, simulated=False, other_site=True)
    pairs = catalog.PAIRS.read(made.output(catalog.PAIRS))
    elsewhere = rows_of(pairs, kind="other_site")
    assert sorted(zip(elsewhere["neuroid_id"].tolist(), elsewhere["image_id"].tolist(), strict=True)) == [
        ("array1-003", "image-1"),
        ("array1-003", "image-1"),
        ("array1-003", "image-3"),
        ("array1-007", "image-1"),
    ]
    assert "other_site" in sensitivity(made)["estimate"]
    without = evaluated(tmp_path / "without", simulated=False)
    assert "other_site" not in sensitivity(without)["estimate"]
    keep = sensitivity(made)["estimate"] != "other_site"
    for name, column in sensitivity(without).items():
        np.testing.assert_array_equal(sensitivity(made)[name][keep], column)


def test_a_day_has_its_intervals_its_slopes_and_how_well_the_map_fits(tmp_path: Path) -> None:
    made = evaluated(tmp_path, simulated=False)
    intervals = catalog.INTERVALS.read(made.output(catalog.INTERVALS))
    paper = rows_of(intervals, estimate="paper", site="", unit="hz", over="images")
    assert (paper["mean"].tolist(), paper["image_set"].tolist()) == ([20.0], ["anchors"])  # from 20 to 40 Hz
    assert len(catalog.SLOPES.read(made.output(catalog.SLOPES))["day"]) == 0  # a single epsilon
    report = catalog.EVALUATION.read(made.output(catalog.EVALUATION))
    assert report.map_fit is not None
    assert (report.map_fit.r_own, report.map_fit.p, report.map_fit.n_sites) == (0.0, None, 2)  # 1 and -1; few sites
    assert report.sign_fit is not None
    assert report.sign_fit.mean == 1.25  # changes of 2 and -1 sigma by the sign, of 1.5 and .5 predicted
