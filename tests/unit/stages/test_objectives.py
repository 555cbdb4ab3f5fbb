"""Objectives of a day: which are planned, what is sealed of their bytes, and what becomes of them by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from closedloop.artifacts.catalog import QUEUE
from closedloop.artifacts.day.plan import PLANNED_ITEMS
from closedloop.artifacts.day_use import attacked_rows, evaluated_clean_rows, fitted_rows, objective_rows
from closedloop.artifacts.protocol.attack import Attack
from closedloop.artifacts.protocol.objectives.stated import StatedObjective
from closedloop.artifacts.stimulus_set import StimulusSet
from closedloop.artifacts.tables import Columns, read_table
from closedloop.attacks.layer_attacks import ReadoutFeatures
from closedloop.execution.workers import HERE
from closedloop.models.checkpoints import open_base_model, save_site_model
from closedloop.models.ensemble import SiteEnsemble
from closedloop.models.site_model import build_site_model, freeze_for_attack, predict
from closedloop.stages import plan
from closedloop.stages.objectives.aims import NaturalResponses
from closedloop.stages.objectives.effects import SealedObjectives, objective_effects, objective_estimates
from closedloop.stages.objectives.images import MadeObjectives, ObjectiveSearch, PlannedObjectives, make_objectives
from closedloop.stages.objectives.rows import objective_rows as planned_rows
from closedloop.stages.probes import SearchWork
from tests.unit.days import context, image_queue, protocol, site_table
from tests.unit.stages.evaluate.small_days import MEANS, ROWS, SIGMA, drawn_images, small_day

N_CLEAN, N_ANCHORS, N_SITES = 12, 2, 3
LEVEL = {"name": "level", "kind": "level", "n_sites": 2, "targets": [-0.5, 1.0], "epsilon": 60.0, "step_fraction": 0.2}
OBJECTIVES: tuple[dict[str, Any], ...] = (
    LEVEL,
    LEVEL | {"name": "top", "n_sites": 1, "n_images": 1, "targets": [90.0], "unit": "percentile"},
    {"name": "apart", "kind": "controversial", "n_sites": 2, "other": "held"},
    {"name": "alone", "kind": "population", "pattern": "one_hot", "n_sites": 1},
    {"name": "up", "kind": "population"},
    {"name": "layer", "kind": "layer_displacement", "n_images": 1, "steps": 5, "step_fraction": 1.0},
    {"name": "most", "kind": "maximise", "n_sites": 2, "ball": "none"},
    {"name": "most_noise", "kind": "maximise", "n_sites": 1, "ball": "none", "start": "noise"},
)
STATED = tuple(StatedObjective(**values) for values in OBJECTIVES)


def test_an_objective_is_planned_for_the_most_reliable_sites_on_the_first_anchors(tmp_path: Path) -> None:
    made = context(
        tmp_path,
        "plan",
        day=1,
        days=3,
        sites={"n_sites": 3},
        attack={"epsilons": [1.0], "anchors_per_site": 2, "fresh_images_per_site": 0},
        objectives=[OBJECTIVES[0] | {"repetitions": 5}],
    )
    image_queue(1, clean=12, anchors=6, normalizers=3).write(QUEUE.published(made.paths, 1))
    first = made.at(plan.FIRST).published("ingest")
    first.mkdir(parents=True, exist_ok=True)
    site_table(0, index_of={7: 2, 3: None, 9: 0}).write(first / "sites.json")
    plan.run(made)

    items = read_table(made.working / "items.parquet", PLANNED_ITEMS)
    own = items["kind"] == "objective"
    assert list(zip(items["site_index"][own], items["image_id"][own], strict=True)) == [
        (site, f"anchor-{image}") for site in (0, 2) for image in (0, 1) for _ in range(2)
    ]
    assert set(items["repetitions"][own]) == {5}
    assert len(set(items["item_id"])) == len(items["item_id"])
    assert items["item_id"][own][1] == "anchor-0|site-0|level|target-1"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[MadeObjectives, PlannedObjectives, SiteEnsemble]:
    """Return a day's objectives, made by two small networks with random readouts."""
    folder = tmp_path_factory.mktemp("objectives")
    model = SiteEnsemble(
        build_site_model(
            open_base_model(f"small_resnet_{kind}", layer="layer3.0"), n_sites=N_SITES, side_px=32, seed=seed
        )
        for seed, kind in enumerate(("robust", "vanilla"))
    )
    save_site_model(folder / "model.safetensors", model)
    for member in model.members:
        freeze_for_attack(member)
    search = ObjectiveSearch(
        STATED,
        Attack.model_validate(protocol().attack.model_dump()),
        model,
        folder / "model.safetensors",
        seed=5,
        work=SearchWork(HERE, folder / "scratch", lambda _done, _total: None),
    )
    planned = planned_objectives()
    return make_objectives(planned, search, first_index=N_CLEAN + N_ANCHORS), planned, model


def planned_objectives() -> PlannedObjectives:
    queue = image_queue(1, clean=N_CLEAN, anchors=N_ANCHORS, normalizers=0)
    rows = planned_rows(queue, STATED, sites=(2, 0, 1))
    queued = [*queue.clean, *queue.anchors]
    table: Columns = {
        "image_id": np.array([image.image_id for image in queued], dtype=object),
        "category": np.array([image.category for image in queued], dtype=object),
        "role": np.array(["clean"] * N_CLEAN + ["anchor"] * N_ANCHORS, dtype=object),
    }
    items = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    place = {image_id: row for row, image_id in enumerate(table["image_id"])}
    index = np.array([place[image_id] for image_id in items["image_id"]])
    return PlannedObjectives(items, table, drawn_images(len(queued), side_px=32), index, (2, 0, 1))


def of(made: MadeObjectives, name: str) -> dict[str, Any]:
    own = made.sealed["objective"] == name
    return {key: values[own] for key, values in made.sealed.items()} | {"rows": np.flatnonzero(own)}


def test_levels_are_stated_by_the_models_responses_to_fresh_images_and_met_on_bytes(
    made: tuple[MadeObjectives, PlannedObjectives, SiteEnsemble],
) -> None:
    objectives, planned, model = made
    natural = predict(model, planned.clean)[:N_CLEAN].astype(float)
    own = of(objectives, "level")
    again = predict(model, objectives.images[own["rows"]]).astype(float)[np.arange(8), own["site_index"]]
    assert own["is_reached"].all()
    for row, site in enumerate(own["site_index"]):
        level = natural[:, site].mean() + own["target"][row] * natural[:, site].std()
        assert abs(again[row] - level) <= 0.0201 * natural[:, site].std()
    top = of(objectives, "top")
    ninetieth = np.percentile(natural[:, 2], 90)
    assert abs(top["predicted_made"][0] - ninetieth) <= 0.0201 * natural[:, 2].std()


def test_one_member_rises_and_the_other_stays(made: tuple[MadeObjectives, PlannedObjectives, SiteEnsemble]) -> None:
    objectives, planned, model = made
    own = of(objectives, "apart")
    site, shown, clean = own["site_index"], objectives.images[own["rows"]], planned.clean[[12, 13, 12, 13]]
    rise, held = (
        (predict(member, shown) - predict(member, clean))[np.arange(4), site].astype(float) for member in model.members
    )
    assert (rise > 2 * np.abs(held)).all()
    assert np.median(rise / np.abs(held)) > 10
    assert own["other_made"] - own["other_clean"] == pytest.approx(held, abs=1e-5)


def test_a_layer_is_displaced_further_than_by_any_other_image(
    made: tuple[MadeObjectives, PlannedObjectives, SiteEnsemble],
) -> None:
    objectives, planned, model = made
    features = ReadoutFeatures(model.members[0])

    def distance(name: str) -> float:
        shown = objectives.images[of(objectives, name)["rows"][:1]]
        pair = np.moveaxis(np.concatenate([shown, planned.clean[12:13]]), -1, 1) / np.float32(255)
        there, here = features(torch.from_numpy(pair.copy()))
        return float((there - here).norm().detach())

    assert distance("layer") > 1.5 * max(distance("apart"), distance("up"))


def test_images_without_a_ball_begin_at_the_favourite_or_at_noise(
    made: tuple[MadeObjectives, PlannedObjectives, SiteEnsemble],
) -> None:
    objectives, planned, model = made
    favourite = predict(model, planned.clean).argmax(axis=0)
    most, noise = of(objectives, "most"), of(objectives, "most_noise")
    assert objectives.rows["clean_index"][most["rows"]].tolist() == favourite[[2, 0]].tolist()
    assert (most["predicted_made"] > most["predicted_clean"]).all()
    assert noise["realised_epsilon"][0] > 2 * most["realised_epsilon"].max()


def test_what_is_shown_lies_within_its_ball_and_nothing_else_counts_it(
    made: tuple[MadeObjectives, PlannedObjectives, SiteEnsemble],
) -> None:
    objectives, *_ = made
    assert (objectives.rows["realised_epsilon"] <= objectives.rows["epsilon"]).all()
    stimuli = StimulusSet({name: np.asarray(values) for name, values in objectives.rows.items()}, objectives.images)
    assert len(objective_rows(stimuli)) == len(objectives.images)
    assert not len(fitted_rows(stimuli))
    assert not len(attacked_rows(stimuli))
    assert not len(evaluated_clean_rows(stimuli))
    assert set(objectives.audit["kind"]) == {"objective"}
    assert objectives.predictions["made"].shape == (len(objectives.images), N_SITES)


def test_percentiles_beyond_the_ends_go_on_by_the_range() -> None:
    natural = NaturalResponses(np.array([[0.0], [1.0], [4.0]]))
    one = StatedObjective(name="level", kind="level", targets=(150.0,), unit="percentile")
    levels = [natural.in_sd(one, 0, target) * natural.sd[0] + natural.mean[0] for target in (-25.0, 0.0, 50.0, 150.0)]
    assert levels == pytest.approx([-1.0, 0.0, 1.0, 6.0])


def test_responses_to_images_of_objectives_are_told_in_sd_over_clean_images() -> None:
    day = small_day()
    rows = [row | {"kind": "objective"} if row["kind"] == "attacked" else row for row in ROWS]
    columns = day.stimuli.columns | {"kind": np.array([row["kind"] for row in rows])}
    day = replace(day, stimuli=StimulusSet(columns, day.stimuli.images))
    table = {
        "image_index": np.array([4, 5, 6]),
        "objective": np.array(["level", "level", "up"], dtype=object),
        "objective_kind": np.array(["level", "level", "population"], dtype=object),
        "image_id": np.array(["image-3", "image-1", "image-1"], dtype=object),
        "site_index": np.array([0, 1, -1]),
        **{name: np.array([1.0, 2.0, np.nan]) for name in ("target", "target_sd")},
        "realised_epsilon": np.zeros(3),
        "is_reached": np.array([True, False, False]),
        "predicted_mean": np.array([1.0, 1.0, 0.0]),
        "predicted_sd": np.array([2.0, 2.0, 1.0]),
        "predicted_clean": np.array([1.0, 3.0, 0.0]),
        "predicted_made": np.array([3.0, 5.0, 1.0]),
    }
    predicted = np.zeros((3, 2), dtype=np.float32)

    found = objective_effects(day, SealedObjectives(table, predicted, predicted), sigma_hz=SIGMA, true_rates_hz=MEANS)

    z = (MEANS - MEANS[:3].mean(axis=0)) / SIGMA
    assert found["clean"] == pytest.approx([z[3, 0], z[1, 1], z[1].mean()])
    assert found["made"] == pytest.approx([z[4, 0], z[5, 1], z[6].mean()])
    assert found["others"][:2] == pytest.approx([(z[4] - z[3])[1], (z[5] - z[1])[0]])
    assert found["predicted_made"].tolist() == [1.0, 2.0, 1.0]
    true = (MEANS - MEANS[:3].mean(axis=0)) / MEANS[:3].std(axis=0)
    assert found["true_made"] == pytest.approx([true[4, 0], true[5, 1], true[6].mean()])

    estimates = {(row["objective"], row["measure"]): row for row in objective_estimates(found)}
    assert estimates["up", "change"]["value"] == pytest.approx((z[6] - z[1]).mean())
    assert estimates["level", "distance"]["value"] == pytest.approx(np.mean([z[4, 0] - 1, z[5, 1] - 2]))
    assert estimates["level", "slope"]["n_reached"] == 1
