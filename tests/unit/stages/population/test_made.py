"""A day's attacks on its decoder as files: fitted to the days before, sealed, within epsilon, each beside its noise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from closedloop.artifacts import catalog
from closedloop.artifacts.day.population.kinds import POPULATION, POPULATION_NOISE
from closedloop.artifacts.tables import as_columns
from closedloop.errors import StudyError
from closedloop.execution.workers import HERE, Workers
from closedloop.models.checkpoints import save_site_model
from closedloop.models.site_model import predict
from closedloop.stages import synthesize
from closedloop.stages.context import StageContext
from closedloop.stages.from_protocol.images import open_study_pool
from closedloop.stages.population.decoder import LabelledResponses, fit_day_decoder
from tests.unit.days import context, publish, stimulus, write_responses, write_stimuli
from tests.unit.stages.small_models import small_model

N_TAUGHT = 24


def labelled(n_sites: int = 3, *, seed: int = 0, missing: int | None = None) -> LabelledResponses:
    """Return images of three categories that differ at the first two sites."""
    rng, category = np.random.default_rng(seed), np.arange(N_TAUGHT) % 3
    z = rng.normal(size=(N_TAUGHT, n_sites)) * 0.3 + np.eye(3, n_sites)[category] * 3
    if missing is not None:
        z[:, missing] = np.nan
    return LabelledResponses(z, np.array([f"category {one}" for one in category]))


def test_a_decoder_reads_images_that_it_was_not_fitted_to_and_says_what_chance_is() -> None:
    decoder = fit_day_decoder([labelled(), labelled(seed=1)], seed=0, place="here")
    assert decoder.categories == ("category 0", "category 1", "category 2")
    assert decoder.n_images == 2 * N_TAUGHT
    assert decoder.accuracy > 0.95
    assert abs(decoder.chance - 1 / 3) < 0.12
    assert decoder.numbers_of(["category 2", "category 7"]).tolist() == [2, -1]


def test_a_site_that_one_day_lacks_is_read_on_none() -> None:
    decoder = fit_day_decoder([labelled(), labelled(seed=1, missing=1)], seed=0, place="here")
    assert (decoder.decoder.weights != 0).any(axis=0).tolist() == [True, False, True]
    document = decoder.document(simulated=True, day=2, days=[0, 1, 1])
    assert (document.n_sites, document.days) == (2, (0, 1))


def test_one_category_is_nothing_to_decode() -> None:
    only = LabelledResponses(labelled().z, np.array(["same"] * N_TAUGHT))
    with pytest.raises(StudyError, match=r"protocol.yaml: expected clean images of at least two categories"):
        fit_day_decoder([only], seed=0, place="protocol.yaml")


def made(root: Path, *, workers: Workers = HERE, **population: Any) -> StageContext:
    """Make two attacks on a decoder and their noise on day 1, beside an attack on a site."""
    asked = {"n_images": 2, "epsilons": [10.0], "steps": 4} | population
    sections: dict[str, Any] = {"attack": {"steps": 3, "gradient": {}}, "population": asked}
    day = replace(context(root, "synthesize", day=1, **sections), workers=workers)
    rows = [stimulus("clean", "clean", place, category=f"category {place % 3}") for place in range(N_TAUGHT)]
    rows += [stimulus("clean", "normalizer", N_TAUGHT + place) for place in range(4)]
    write_stimuli(day.paths, 0, rows)
    rng, category = np.random.default_rng(0), np.arange(N_TAUGHT) % 3
    counts = 20 + 8 * np.r_[np.eye(3)[category], rng.normal(size=(4, 3))] + rng.normal(size=(len(rows), 3))
    write_responses(day.paths, 0, image_index=list(range(len(rows))), counts=counts, index_of={1: 0, 2: 1, 3: 2})
    images = [
        {"image_id": image.image_id, "category": f"category {place}", "role": "anchor", "repetitions": 2}
        for place, image in zip(range(3), open_study_pool(day.study, None).images(), strict=False)
    ]
    items = [_item("attacked", images[2], site=0)]
    items += [_item(kind, image) for kind in (POPULATION, POPULATION_NOISE) for image in images[:2]]
    plan = context(root, "plan", day=1)
    plan.write(catalog.PLANNED_IMAGES, as_columns(images, catalog.PLANNED_IMAGES.layout))
    plan.write(catalog.PLANNED_ITEMS, as_columns(items, catalog.PLANNED_ITEMS.layout))
    publish(plan)
    file = catalog.MODEL.published(day.paths, 1)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_site_model(file, small_model(seed=0))
    synthesize.run(day)
    publish(day)
    return day


def _item(kind: str, image: dict[str, Any], *, site: int = -1) -> dict[str, Any]:
    name = {"item_id": f"{kind} {image['image_id']}", "kind": kind, "image_id": image["image_id"], "role": "anchor"}
    return name | {"other_image_id": "", "site_index": site, "epsilon": 10.0, "repetitions": 2}


def test_the_decoder_is_sealed_with_what_it_reads_from_the_model(tmp_path: Path) -> None:
    day = made(tmp_path)
    document, weights = day.read(catalog.DECODER), day.read(catalog.DECODER_WEIGHTS)
    assert (document.n_images, document.days, document.n_sites) == (N_TAUGHT, (0,), 3)
    stimuli, sealed = day.read(catalog.STIMULI), day.read(catalog.SEALED_POPULATION)
    images = day.read(catalog.IMAGES)["images"]
    scores = predict(small_model(seed=0), images) @ weights["weights"].T + weights["offsets"]
    for row, index in enumerate(sealed["image_index"].tolist()):
        clean = int(stimuli["clean_index"][index])
        own = document.categories.index(sealed["category"][row])
        for name, place in (("clean", clean), ("changed", index)):
            others = np.delete(scores[place], own)
            assert sealed[f"margin_{name}"][row] == pytest.approx(scores[place][own] - others.max(), abs=1e-2)
            assert sealed[f"predicted_{name}"][row] == document.categories[int(scores[place].argmax())]


def test_attacks_lower_the_predicted_margin_and_noise_of_their_norm_does_not(tmp_path: Path) -> None:
    day = made(tmp_path)
    sealed = day.read(catalog.SEALED_POPULATION)
    lost = sealed["margin_clean"] - sealed["margin_changed"]
    attack, noise = sealed["kind"] == POPULATION, sealed["kind"] == POPULATION_NOISE
    assert (lost[attack] > 3 * np.abs(lost[noise])).all()
    assert (sealed["realised_epsilon"] <= 10.0).all()
    np.testing.assert_allclose(sealed["realised_epsilon"][attack], sealed["realised_epsilon"][noise], rtol=2e-3)


def test_they_stand_last_in_stimuli_and_audit_and_foretell_no_sites_sign(tmp_path: Path) -> None:
    day = made(tmp_path)
    stimuli, audit = day.read(catalog.STIMULI), day.read(catalog.AUDIT)
    kinds = [POPULATION] * 2 + [POPULATION_NOISE] * 2
    assert stimuli["kind"].tolist() == ["clean"] * 3 + ["attacked", *kinds]
    assert audit["kind"].tolist() == ["attacked", *kinds]
    assert stimuli["predicted_sign"].tolist()[-4:] == [0] * 4
    assert stimuli["image_index"].tolist() == list(range(8))
    assert np.isnan(audit["predicted_change"][1:]).all()


@pytest.mark.parametrize("objective", ["decoder", "vector"])
def test_their_bytes_do_not_depend_on_who_computes_them(tmp_path: Path, objective: str) -> None:
    one = made(tmp_path / "one", objective=objective)
    two = made(tmp_path / "two", objective=objective, workers=Workers("local", 2))
    np.testing.assert_array_equal(one.read(catalog.IMAGES)["images"], two.read(catalog.IMAGES)["images"])
    sealed = one.read(catalog.SEALED_POPULATION)
    attack = sealed["kind"] == POPULATION
    assert (sealed["margin_changed"] < sealed["margin_clean"])[attack].all()


def test_a_day_without_them_leaves_no_decoder(tmp_path: Path) -> None:
    day = context(tmp_path, "synthesize", attack={"steps": 3, "gradient": {}})
    images = [
        {"image_id": image.image_id, "category": image.category, "role": "anchor", "repetitions": 2}
        for _, image in zip(range(2), open_study_pool(day.study, None).images(), strict=False)
    ]
    plan = context(tmp_path, "plan")
    plan.write(catalog.PLANNED_IMAGES, as_columns(images, catalog.PLANNED_IMAGES.layout))
    attacked = [_item("attacked", images[0], site=0)]
    plan.write(catalog.PLANNED_ITEMS, as_columns(attacked, catalog.PLANNED_ITEMS.layout))
    publish(plan)
    file = catalog.MODEL.published(day.paths, 0)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_site_model(file, small_model(seed=0))
    synthesize.run(day)
    assert not day.output(catalog.DECODER).exists()
    assert not day.output(catalog.SEALED_POPULATION).exists()
