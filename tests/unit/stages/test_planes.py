"""Planes of images: which are planned, where their bytes lie, what is sealed, and what is found on them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from closedloop.artifacts.catalog import QUEUE
from closedloop.artifacts.day.plan import PLANNED_IMAGES, PLANNED_ITEMS
from closedloop.artifacts.day_use import (
    SHOWN_MANY_TIMES,
    attacked_rows,
    evaluated_clean_rows,
    fitted_rows,
    plane_rows,
)
from closedloop.artifacts.protocol.plane import ImagePlanes
from closedloop.artifacts.stimulus_set import StimulusSet
from closedloop.artifacts.tables import Columns, read_table
from closedloop.models.checkpoints import open_base_model
from closedloop.models.site_model import build_site_model, freeze_for_attack, predict
from closedloop.stages import plan
from closedloop.stages.planes.effects import SealedPlanes, plane_curvatures
from closedloop.stages.planes.images import MadePlanes, PlannedPlanes, make_planes
from tests.unit.days import context, image_queue, queued, site_table
from tests.unit.stages.evaluate.small_days import small_day

SECTION = {"days": [1], "n_sites": 2, "side": 3, "extent": 20.0, "repetitions": 7}


def planned(root: Path, *, index_of: dict[int, int | None]) -> tuple[Columns, Columns]:
    made = context(
        root,
        "plan",
        day=1,
        days=3,
        sites={"n_sites": 3},
        attack={"epsilons": [1.0, 10.0], "anchors_per_site": 2, "fresh_images_per_site": 0, "repetitions": 2},
        plane=SECTION,
    )
    queue = image_queue(1, clean=12, anchors=6, normalizers=3)
    queue.model_copy(update={"plane": queued("middle", 2)}).write(QUEUE.published(made.paths, 1))
    first = made.at(plan.FIRST).published("ingest")
    first.mkdir(parents=True, exist_ok=True)
    site_table(0, index_of=index_of).write(first / "sites.json")
    plan.run(made)
    images = read_table(made.working / "images.parquet", PLANNED_IMAGES)
    return images, read_table(made.working / "items.parquet", PLANNED_ITEMS)


def test_the_most_reliable_sites_have_a_plane_each_around_an_image_of_its_own(tmp_path: Path) -> None:
    images, items = planned(tmp_path, index_of={7: 0, 3: None, 9: 2})
    own = items["kind"] == "plane"
    assert own.sum() == 2 * 8
    assert sorted(set(zip(items["site_index"][own], items["image_id"][own], strict=True))) == [
        (0, queued("middle", 2)[0].image_id),
        (2, queued("middle", 2)[1].image_id),
    ]
    assert set(items["repetitions"][own]) == set(images["repetitions"][images["role"] == "plane"]) == {7}
    assert len(set(items["item_id"])) == len(items["item_id"])
    np.testing.assert_allclose(sorted(set(items["epsilon"][own].round(6))), [20.0, round(20 * 2**0.5, 6)])


def made_planes() -> tuple[MadePlanes, PlannedPlanes]:
    """Return two planes of 3 x 3 images, sealed by a small model, around images of middling grey."""
    section = ImagePlanes(**SECTION)
    model = freeze_for_attack(
        build_site_model(open_base_model("small_resnet_robust", layer="layer3.0"), n_sites=3, side_px=32, seed=0)
    )
    clean = np.random.default_rng(0).integers(100, 156, (2, 32, 32, 3), dtype=np.uint8)
    names = np.array(["one", "two"], dtype=object)
    index, site = np.repeat([0, 1], 8), np.repeat([0, 2], 8)
    items = {
        "kind": np.full(16, "plane", dtype=object),
        "role": np.full(16, "plane", dtype=object),
        "image_id": names[index],
        "item_id": np.array([f"item {place}" for place in range(16)], dtype=object),
        "site_index": site,
        "epsilon": np.full(16, 20.0),
        "repetitions": np.full(16, 7),
    }
    table = {"image_id": names, "category": np.array(["a", "b"], dtype=object), "role": np.array(["plane"] * 2)}
    planes = PlannedPlanes(items, table, clean, index)
    return make_planes(planes, model, section, first_index=2, seeds=[1, 2]), planes


def test_places_are_those_of_the_bytes_and_predictions_are_of_the_bytes() -> None:
    made, planes = made_planes()
    assert made.images.shape == (16, 32, 32, 3)
    assert made.places["image_index"].tolist() == [0, *range(2, 10), 1, *range(10, 18)]
    every = np.concatenate([planes.clean, made.images])
    for plane, middle in enumerate((0, 1)):
        own = made.places["plane"] == plane
        moved = (every[made.places["image_index"][own]].astype(np.float64) - planes.clean[middle]) / 255 * 7
        for axis, name in (("gradient", "shown_along"), ("principal", "shown_across")):
            along = (moved * made.axes[axis][plane]).sum(axis=(1, 2, 3))
            np.testing.assert_allclose(along, made.places[name][own], atol=1e-4)
    np.testing.assert_allclose(made.places["shown_along"], made.places["along"], atol=0.6)
    np.testing.assert_array_equal(made.rows["predicted_sign"] != 0, True)
    rise = made.rows["predicted_attacked"] - made.rows["predicted_clean"]
    ahead = (made.places["along"] > 0) & (made.places["across"] == 0)
    assert (rise[np.delete(ahead, [0, 9])] > 0).all()
    assert np.isfinite(made.planes["predicted_edge"]).all()
    assert (made.planes["steepness"] > 0).all()
    assert set(made.audit["kind"]) == {"plane"}


def test_nothing_else_counts_or_fits_them() -> None:
    made, _ = made_planes()
    columns = {name: np.asarray(values) for name, values in made.rows.items()}
    stimuli = StimulusSet(columns, made.images)
    assert len(plane_rows(stimuli)) == 16
    assert not len(fitted_rows(stimuli))
    assert not len(attacked_rows(stimuli))
    assert not len(evaluated_clean_rows(stimuli))
    assert "plane" in SHOWN_MANY_TIMES


def evaluated(differing: tuple[float, float, float], *, truth: bool) -> Columns:
    """Evaluate two planes of nine images, shown three times each; the second one's site is gone."""
    day, n_images = small_day(), 9
    day = replace(day, stimuli=StimulusSet({}, np.zeros((n_images, 8, 8, 3), dtype=np.uint8)))
    n_sites = len(day.sites)
    along, across = np.meshgrid([-20.0, 0.0, 20.0], [-20.0, 0.0, 20.0], indexing="ij")
    index = np.arange(n_images)
    rates = 50 + 0.5 * along.ravel() - 0.02 * across.ravel() ** 2
    shown = np.repeat(index, 3)
    presentations = {"image_index": shown}
    answered = np.full((27, n_sites), np.nan)
    answered[:, 0] = np.repeat(rates, 3) + np.tile(differing, 9)
    recorded = replace(day, presentations=presentations, rates_hz=answered)
    sealed = SealedPlanes(
        planes={
            "plane": np.array([0, 1]),
            "site_index": np.array([day.sites[0].site_index, 99]),
            "image_id": np.array(["one", "two"], dtype=object),
            "extent": np.array([20.0, 20.0]),
            "predicted_edge": np.array([-1.0, 1.0]),
            "predicted_curvature": np.array([0.1, 0.1]),
        },
        places={
            "plane": np.repeat([0, 1], 9),
            "image_index": np.tile(index, 2),
            "shown_along": np.tile(along.ravel(), 2),
            "shown_across": np.tile(across.ravel(), 2),
        },
    )
    hidden = np.zeros((n_images, n_sites))
    hidden[index, 0] = rates
    return plane_curvatures(recorded, sealed, sigma_hz=np.full(n_sites, 10.0), true_rates_hz=hidden if truth else None)


def test_a_plane_whose_repetitions_never_differ_has_no_interval() -> None:
    table = evaluated((0.0, 0.0, 0.0), truth=True)
    np.testing.assert_allclose(table["edge"], [-0.02 * 400 / 10])
    assert np.isnan([table[name][0] for name in ("edge_low", "edge_high", "p")]).all()
    assert (table["curvature_low"][0], table["curvature_high"][0]) == (-np.inf, np.inf)


def test_a_known_surface_is_found_with_its_sign_and_a_site_that_is_gone_is_left_out() -> None:
    table = evaluated((-1.0, 0.0, 1.0), truth=True)
    assert len(table["plane"]) == 1
    np.testing.assert_allclose(table["curvature"], [0.04 / 0.5])
    np.testing.assert_allclose(table["edge"], [-0.02 * 400 / 10])
    np.testing.assert_allclose(table["true_curvature"], table["curvature"])
    np.testing.assert_allclose(table["true_edge"], table["edge"])
    assert table["n_presentations"].tolist() == [27]
    assert table["edge_low"][0] < table["edge"][0] < table["edge_high"][0]
    real = evaluated((-1.0, 0.0, 1.0), truth=False)
    assert np.isnan(real["true_curvature"]).all()


def test_predictions_are_the_models_for_the_bytes() -> None:
    made, planes = made_planes()
    model = build_site_model(open_base_model("small_resnet_robust", layer="layer3.0"), n_sites=3, side_px=32, seed=0)
    found = predict(freeze_for_attack(model), made.images)[np.arange(16), planes.items["site_index"]]
    np.testing.assert_allclose(made.rows["predicted_attacked"], found, rtol=1e-4, atol=1e-4)
