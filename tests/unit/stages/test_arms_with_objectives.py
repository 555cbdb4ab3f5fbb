"""Arms with an objective: each asks what it states of its own model, on the images and sites of all arms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from closedloop.artifacts.protocol.arms.section import Arms
from closedloop.artifacts.tables import Columns
from closedloop.attacks.synthesis.sources import PROCESSOR
from closedloop.execution.workers import HERE
from closedloop.models.checkpoints import open_base_model, save_site_model
from closedloop.models.ensemble import DayModel
from closedloop.models.site_model import build_site_model, freeze_for_attack, predict
from closedloop.stages.arms.asked import ArmSearch
from closedloop.stages.arms.effects import SealedArms
from closedloop.stages.arms.images import MadeArms, PlannedArms, make_arms, predict_all
from closedloop.stages.arms.models import ArmFiles
from closedloop.stages.arms.rows import arm_items
from closedloop.stages.probes import SearchWork
from tests.unit.days import image_queue
from tests.unit.stages.evaluate.small_days import drawn_images

N_CLEAN, N_ANCHORS, SITES = 12, 2, (2, 0, 1)
LEVELS = {"kind": "level", "targets": [20.0, 90.0], "unit": "percentile"}
ARMS: list[dict[str, Any]] = [
    {"name": "attacks", "steps": 3},
    {"name": "levels", "model": "beside", "objective": LEVELS, "step_fraction": 0.2},
    {"name": "most", "objective": {"kind": "maximise"}, "steps": 10, "share": 0.5},
    {"name": "apart", "objective": {"kind": "controversial", "against": "beside"}, "steps": 10},
    {"name": "alone", "objective": {"kind": "population"}, "steps": 10},
]
SECTION = Arms.model_validate(
    {
        "n_pairs": 4,
        "n_sites": 2,
        "epsilons": [60.0],
        "arms": ARMS,
        "models": [
            {"name": "beside", "base_model": {"layer": "layer3.0", "weights": "small_resnet_vanilla"}},
        ],
    }
)


class Day:
    """What was made, with what it was made from."""

    def __init__(self, folder: Path) -> None:
        files = {}
        for seed, (name, weights) in enumerate((("day", "robust"), ("beside", "vanilla"))):
            base = open_base_model(f"small_resnet_{weights}", layer="layer3.0")
            files[name] = folder / f"{name}.safetensors"
            save_site_model(files[name], build_site_model(base, n_sites=3, side_px=32, seed=seed))
        places = ArmFiles(files["day"], {"beside": files["beside"]})
        model = freeze_for_attack(places.source_of("day").load(PROCESSOR))
        self.models: dict[str, DayModel] = places.frozen(model)
        self.planned = planned_arms()
        self.made: MadeArms = make_arms(
            self.planned,
            ArmSearch(
                SECTION, places, self.models, 8, 5, SearchWork(HERE, folder / "scratch", lambda _done, _total: None)
            ),
            first_index=N_CLEAN + N_ANCHORS,
        )

    def rows(self, name: str) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.flatnonzero(self.planned.arm == name)

    def of(self, model: str, name: str) -> tuple[Any, Any]:
        """Return a model's responses of all sites to the clean images and to those of an arm."""
        rows = self.rows(name)
        clean = self.planned.clean[self.planned.clean_index[rows]]
        return predict(self.models[model], clean), predict(self.models[model], self.made.images[rows])

    def sealed(self, name: str) -> dict[str, Any]:
        assert self.made.objectives is not None
        own = self.made.objectives["objective"] == name
        return {key: np.asarray(values)[own] for key, values in self.made.objectives.items()}


def planned_arms() -> PlannedArms:
    queue = image_queue(1, clean=N_CLEAN, anchors=N_ANCHORS, normalizers=0)
    planned = arm_items(queue, SECTION, sites=SITES, seed=3)
    queued = [*queue.clean, *queue.anchors]
    table: Columns = {
        "image_id": np.array([image.image_id for image in queued], dtype=object),
        "category": np.array([image.category for image in queued], dtype=object),
        "role": np.array(["clean"] * N_CLEAN + ["anchor"] * N_ANCHORS, dtype=object),
    }
    items = {name: np.array([row[name] for _, row in planned]) for name in planned[0][1]}
    place = {image_id: row for row, image_id in enumerate(table["image_id"])}
    index = np.array([place[image_id] for image_id in items["image_id"]])
    arm = np.array([arm.name for arm, _ in planned])
    return PlannedArms(items, arm, table, drawn_images(len(queued), side_px=32), index)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """Return a day's arms, made by two small networks with random readouts."""
    return Day(tmp_path_factory.mktemp("arms"))


def test_all_arms_have_the_same_pairs_of_the_most_reliable_sites_and_levels_every_target_of_them() -> None:
    planned = planned_arms()
    pairs = {
        name: list(
            zip(planned.clean_index[planned.arm == name], planned.items["site_index"][planned.arm == name], strict=True)
        )
        for name in ("attacks", "levels", "most", "apart", "alone")
    }
    assert len(set(pairs["attacks"])) == 4
    assert {site for _, site in pairs["attacks"]} == set(SITES[:2])
    assert pairs["apart"] == pairs["alone"] == pairs["attacks"]
    assert pairs["levels"] == [pair for pair in pairs["attacks"] for _ in LEVELS["targets"]]
    assert pairs["most"] == pairs["attacks"][:2]
    names = planned.items["item_id"].tolist()
    assert len(set(names)) == len(names) == SECTION.n_made(1)
    assert names[4].endswith("|arm-levels|site-2|epsilon-60|target-20")
    assert set(planned.items["epsilon"][planned.arm == "most"].round(2)) == {387.98}


def test_levels_are_percentiles_of_the_arms_own_model_and_met_on_bytes(day: Day) -> None:
    natural = predict(day.models["beside"], day.planned.clean)[:N_CLEAN].astype(float)
    _, after = day.of("beside", "levels")
    sealed = day.sealed("levels")
    assert sealed["target"].tolist() == LEVELS["targets"] * 4
    assert sealed["is_reached"].all()
    for row, (site, target) in enumerate(zip(sealed["site_index"], sealed["target"], strict=True)):
        assert abs(after[row, site] - np.percentile(natural[:, site], target)) <= 0.0201 * natural[:, site].std()
    rows = day.rows("levels")
    np.testing.assert_allclose(day.made.rows["predicted_attacked"][rows], sealed["predicted_made"])
    assert (
        day.made.rows["predicted_sign"][rows] == np.sign(sealed["predicted_made"] - sealed["predicted_clean"])
    ).all()


def test_other_objectives_do_what_they_state(day: Day) -> None:
    site = {name: day.planned.items["site_index"][day.rows(name)] for name in ("most", "apart", "alone")}

    def change(model: str, name: str) -> Any:
        clean, made = day.of(model, name)
        return made - clean

    def own(model: str, name: str) -> Any:
        return change(model, name)[np.arange(len(site[name])), site[name]]

    assert (own("day", "most") > 0).all()
    assert (own("day", "apart") - own("beside", "apart") > 0).all()
    others = [
        np.delete(row[list(SITES[:2])], SITES.index(one))
        for row, one in zip(change("day", "alone"), site["alone"], strict=True)
    ]
    assert (own("day", "alone") > np.array(others)[:, 0]).all()
    held = day.sealed("apart")
    np.testing.assert_allclose(held["other_made"] - held["other_clean"], own("beside", "apart"), atol=1e-5)
    assert np.isnan(day.sealed("most")["other_made"]).all()
    bounded = day.made.rows["realised_epsilon"] <= day.made.rows["epsilon"]
    assert bounded.all()


def test_arms_without_an_objective_are_in_no_table_of_objectives(day: Day) -> None:
    assert day.made.objectives is not None
    assert set(day.made.objectives["objective"]) == {"levels", "most", "apart", "alone"}
    assert len(day.made.attacks["arm"]) == len(day.made.images) == SECTION.n_made(1)


def test_what_is_evaluated_of_each_image_is_what_its_own_model_foretold(day: Day) -> None:
    images = np.concatenate([day.planned.clean, day.made.images])
    sealed = SealedArms(day.made.attacks, ("day", "beside"), predict_all(day.models, images), day.made.objectives)
    own = sealed.of_own_model()
    rows = np.flatnonzero(own.table["objective"] == "levels")
    _, after = day.of("beside", "levels")
    np.testing.assert_allclose(own.made[rows], after, atol=1e-5)
