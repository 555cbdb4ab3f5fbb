"""The day's stimuli: attacks and controls as bytes, their order, and what is sealed about them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from closedloop.artifacts.catalog import AUDIT, PLANNED_IMAGES, PLANNED_ITEMS, PREDICTIONS
from closedloop.artifacts.files.kinds import reader_of
from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.stimulus_set import StimulusSet, read_stimulus_set
from closedloop.artifacts.tables import as_columns
from closedloop.attacks.synthesis.items import SynthesisResult
from closedloop.execution.workers import HERE
from closedloop.models.site_model import predict
from closedloop.stages import synthesize
from closedloop.stages.context import StageContext
from closedloop.stages.from_protocol.images import open_study_pool
from closedloop.stages.planned_day import PlannedDay
from closedloop.stages.synthesize import _stimulus_columns
from closedloop.stimuli.pools import load_images
from tests.unit.days import context, publish
from tests.unit.stages.small_models import small_model, write_model

EPSILONS = (2.5, 10.0)
ATTACK = {"steps": 3, "gradient": {}}
N_CLEAN = 4


def item(kind: str, place: int, epsilon: float, *, site: int = -1, other: str = "") -> dict[str, Any]:
    return {"kind": kind, "place": place, "epsilon": epsilon, "site_index": site, "other": other}


ATTACKS = [item("attacked", place, epsilon, site=place) for place in (0, 1, 2) for epsilon in EPSILONS]
CONTROLS = [item(kind, 3, epsilon) for epsilon in EPSILONS for kind in ("gaussian", "linear")]


def synthesized(root: Path, items: list[dict[str, Any]], *, day: int = 0) -> tuple[StageContext, StimulusSet]:
    """Run the stage on four images of four categories; linear controls go to the first one."""
    made = replace(context(root, "synthesize", day=day, attack=ATTACK), workers=HERE)
    by_category = {image.category: image for image in open_study_pool(made.study, None).images()}
    images = [
        {"image_id": image.image_id, "category": image.category, "role": "anchor", "repetitions": 2}
        for image in by_category.values()
    ]
    names = [str(image["image_id"]) for image in images]
    rows = [
        {
            "item_id": f"{row['kind']}-{row['place']}-{row['epsilon']:g}",
            "kind": row["kind"],
            "image_id": names[row["place"]],
            "role": "anchor",
            "other_image_id": names[0] if row["kind"] == "linear" else "",
            "site_index": row["site_index"],
            "epsilon": row["epsilon"],
            "repetitions": 3,
        }
        for row in items
    ]
    planned = context(root, "plan", day=day)
    planned.write(PLANNED_IMAGES, as_columns(images, PLANNED_IMAGES.layout))
    planned.write(PLANNED_ITEMS, as_columns(rows, PLANNED_ITEMS.layout))
    publish(planned)
    write_model(made.paths, day)
    synthesize.run(made)
    publish(made)
    return made, read_stimulus_set(reader_of(made.paths), day)


def test_clean_images_come_first_then_attacks_then_controls_each_named_by_its_bytes(tmp_path: Path) -> None:
    made, stimuli = synthesized(tmp_path, [*CONTROLS, *ATTACKS])
    columns = stimuli.columns
    assert columns["kind"].tolist() == [*["clean"] * 4, *["attacked"] * 6, *["gaussian", "linear"] * 2]
    assert columns["clean_index"].tolist() == [0, 1, 2, 3, 0, 0, 1, 1, 2, 2, 3, 3, 3, 3]
    assert columns["repetitions"].tolist() == [2] * 4 + [3] * 10
    assert columns["stimulus_id"].tolist() == [stimulus_id(image) for image in stimuli.images]
    clean = load_images(open_study_pool(made.study, None), tuple(columns["image_id"][:N_CLEAN]))
    np.testing.assert_array_equal(stimuli.images[:N_CLEAN], clean)


def test_what_the_model_predicts_is_sealed_for_clean_images_and_attacks(tmp_path: Path) -> None:
    made, stimuli = synthesized(tmp_path, ATTACKS)
    predicted = predict(small_model(), stimuli.images)
    np.testing.assert_allclose(made.read(PREDICTIONS)["predicted"], predicted[:N_CLEAN], rtol=1e-3, atol=1e-3)
    rows, columns = stimuli.rows(kind="attacked"), stimuli.columns
    site, clean = columns["site_index"][rows], columns["clean_index"][rows]
    np.testing.assert_allclose(columns["predicted_attacked"][rows], predicted[rows, site], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(columns["predicted_clean"][rows], predicted[clean, site], rtol=1e-3, atol=1e-3)
    change = predicted[rows, site] - predicted[clean, site]
    assert columns["predicted_sign"][rows].tolist() == np.sign(change).tolist()
    assert np.isnan(columns["predicted_clean"][:N_CLEAN]).all()


def test_the_sealed_sign_is_that_of_the_bytes_where_the_float_optimum_or_the_search_had_another() -> None:
    """On three grey images, by hand: the change that was searched for, and what rounding to bytes made of it."""
    before, after = np.array([1.0, 1.0, 1.0]), np.array([0.5, 3.0, 1.0])
    attacks = SynthesisResult(
        attacked=np.full((3, 8, 8, 3), 129, np.uint8),
        predicted_clean=before,
        predicted_attacked=after,
        predicted_change_float=np.array([0.25, -0.25, 0.25]),
        lattice_bound=np.ones(3),
        realised_epsilon=np.ones(3),
        direction=np.array([+1, -1, +1]),
        n_gradients=np.full(3, 10),
    )
    names = [f"grey-{place}" for place in range(3)]
    images = {"image_id": names, "category": names, "role": ["anchor"] * 3, "repetitions": [2] * 3}
    items = {
        **{"item_id": names, "kind": ["attacked"] * 3, "image_id": names, "other_image_id": [""] * 3},
        **{"site_index": [0, 1, 2], "epsilon": [10.0] * 3, "repetitions": [3] * 3},
    }
    clean = np.full((3, 8, 8, 3), 128, np.uint8)
    plan = PlannedDay(*({name: np.array(column) for name, column in table.items()} for table in (images, items)), clean)
    columns = _stimulus_columns(plan, attacks, np.concatenate([clean, attacks.attacked]))
    assert columns["predicted_sign"].tolist() == [0, 0, 0, -1, +1, 0]


def test_no_attack_is_larger_than_its_epsilon_and_a_larger_one_moves_more(tmp_path: Path) -> None:
    _, stimuli = synthesized(tmp_path, ATTACKS)
    rows, columns = stimuli.rows(kind="attacked"), stimuli.columns
    assert (columns["realised_epsilon"][rows] <= columns["epsilon"][rows]).all()
    change = np.abs(columns["predicted_attacked"] - columns["predicted_clean"])[rows].reshape(3, 2)
    assert (change[:, 1] > change[:, 0]).all()


def test_a_control_is_changed_as_much_as_the_attacks_of_its_epsilon_were_on_average(tmp_path: Path) -> None:
    """The norm is counted from the bytes: whole levels of 8 x 8 pixels keep it within some percent."""
    _, stimuli = synthesized(tmp_path, [*ATTACKS, *CONTROLS])
    realised = stimuli.columns["realised_epsilon"]
    for epsilon in EPSILONS:
        attacks = realised[stimuli.rows(kind="attacked", epsilon=epsilon)].mean()
        for kind in ("gaussian", "linear"):
            (control,) = realised[stimuli.rows(kind=kind, epsilon=epsilon)]
            assert control == pytest.approx(attacks, rel=0.1)


def test_a_linear_control_goes_towards_its_other_image(tmp_path: Path) -> None:
    _, stimuli = synthesized(tmp_path, [*ATTACKS, *CONTROLS])
    images = stimuli.images.astype(float)
    (row,) = stimuli.rows(kind="linear", epsilon=10.0)
    change, towards = (images[row] - images[3]).ravel(), (images[0] - images[3]).ravel()
    assert change @ towards / np.linalg.norm(change) / np.linalg.norm(towards) > 0.9


def test_the_audit_has_a_row_for_everything_that_was_changed(tmp_path: Path) -> None:
    made, stimuli = synthesized(tmp_path, [*ATTACKS, *CONTROLS])
    audit = made.read(AUDIT)
    changed = stimuli.rows(kind=("attacked", "gaussian", "linear"))
    assert audit["image_index"].tolist() == changed.tolist()
    differs = (stimuli.images[changed] != stimuli.images[stimuli.columns["clean_index"][changed]]).sum(axis=(1, 2, 3))
    assert audit["n_changed"].tolist() == differs.tolist()
    assert np.isnan(audit["predicted_change"]).tolist() == [False] * 6 + [True] * 4


def test_a_sham_has_the_bytes_of_its_clean_image_and_is_changed_in_nothing(tmp_path: Path) -> None:
    made, stimuli = synthesized(tmp_path, [*ATTACKS, item("sham", 2, 0.0)])
    (row,) = stimuli.rows(kind="sham")
    columns = stimuli.columns
    assert (columns["clean_index"][row], columns["stimulus_id"][row]) == (2, columns["stimulus_id"][2])
    assert (columns["epsilon"][row], columns["realised_epsilon"][row], columns["predicted_sign"][row]) == (0, 0, 0)
    audit = made.read(AUDIT)
    assert (audit["n_changed"][-1], audit["luminance_shift"][-1]) == (0, 0)


def test_an_attack_of_the_day_before_comes_again_with_its_bytes_and_the_sign_sealed_then(tmp_path: Path) -> None:
    _, before = synthesized(tmp_path, ATTACKS)
    again = [item("yesterday", place, 10.0, site=place) for place in (1, 0)]
    _, stimuli = synthesized(tmp_path, [*ATTACKS, *again, item("sham", 3, 0.0), *CONTROLS], day=1)
    rows, sham = stimuli.rows(kind="yesterday"), stimuli.rows(kind="sham")
    for row, place in zip(rows, (1, 0), strict=True):
        (shown,) = before.rows(kind="attacked", site_index=place, epsilon=10.0)
        np.testing.assert_array_equal(stimuli.images[row], before.images[shown])
        assert stimuli.columns["predicted_sign"][row] == before.columns["predicted_sign"][shown] != 0
    np.testing.assert_array_equal(stimuli.images[sham[0]], stimuli.images[3])
    assert stimuli.columns["kind"][10:].tolist() == ["yesterday"] * 2 + ["sham"] + ["gaussian", "linear"] * 2
    assert (stimuli.columns["predicted_sign"][sham[0] :] == 0).all()


def test_a_plan_without_controls_has_none(tmp_path: Path) -> None:
    _, stimuli = synthesized(tmp_path, ATTACKS)
    assert set(stimuli.columns["kind"]) == {"clean", "attacked"}
    assert len(stimuli.images) == 10
