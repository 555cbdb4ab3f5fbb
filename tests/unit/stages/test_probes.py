"""Probes: which are planned, what they are as bytes, what is sealed of them, what is fitted, and what never is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from closedloop.artifacts.catalog import (
    AUDIT,
    FIT,
    MEMBER_PREDICTIONS,
    MODEL,
    PLANNED_IMAGES,
    PLANNED_ITEMS,
    PLANNED_PROBES,
)
from closedloop.artifacts.day.fit import FitReport
from closedloop.artifacts.day.queue import ImageQueue
from closedloop.artifacts.day_use import fitted_rows, held_out_probe_rows
from closedloop.artifacts.files.kinds import reader_of
from closedloop.artifacts.protocol.protocol import Protocol, presentations_of
from closedloop.artifacts.stimulus_set import StimulusSet, read_stimulus_set
from closedloop.artifacts.tables import as_columns
from closedloop.errors import ProtocolError
from closedloop.execution.workers import HERE, Workers
from closedloop.models.checkpoints import load_site_model, save_site_model
from closedloop.models.ensemble import SiteEnsemble
from closedloop.models.site_model import predict
from closedloop.stages import refit, synthesize
from closedloop.stages.context import StageContext
from closedloop.stages.from_protocol.images import open_study_pool
from closedloop.stages.plan import PlannedRows, plan_rows
from tests.unit.days import context, image_queue, protocol, publish, queued, stimulus, write_responses, write_stimuli
from tests.unit.stages.small_models import N_SITES, small_model

MEMBER = {"architecture": "small_resnet", "layer": "layer3.0", "weights": "small_resnet_vanilla"}
PROBES = {"singles": 4, "per_day": 12, "held_out": 3, "disagreement": 0.75, "steps": 2}


def planned(day: int, *, sites: tuple[int, ...] = (0, 1), **probes: Any) -> tuple[PlannedRows, Protocol, ImageQueue]:
    asked = protocol(ensemble=[MEMBER, MEMBER], probes=PROBES | probes)
    queue = image_queue(day, clean=6, anchors=6, normalizers=2).model_copy(update={"singles": queued("single", 4)})
    rows = plan_rows(queue, asked, sites=sites, seed_of=lambda *names: len(str(names)), was_shown=lambda _attack: False)
    return rows, asked, queue


def test_probes_are_dealt_out_to_fresh_images_sites_and_pairs_of_members_alike() -> None:
    rows = planned(1)[0].probes
    fitted, held_out = rows[:12], rows[12:]
    assert {row["role"] for row in fitted} == {"clean", "single"}
    assert {row["role"] for row in held_out} == {"anchor"}
    assert set(Counter(row["image_id"] for row in fitted).values()) <= {1, 2}
    pairs = Counter((row["first_member"], row["second_member"]) for row in rows)
    assert pairs.pop((-1, -1)) == 4  # a quarter of 15, rounded
    assert set(pairs) == {(0, 1), (0, 2), (1, 2)}
    assert max(pairs.values()) - min(pairs.values()) <= 2
    assert abs(np.diff(list(Counter(row["site_index"] for row in rows).values()))[0]) <= 1
    assert len({row["item_id"] for row in rows}) == len(rows)


def test_day_0_has_no_probes_for_its_model_knows_nothing() -> None:
    assert planned(0)[0].probes == []
    assert planned(0)[0].n_presentations < planned(1)[0].n_presentations


def test_without_a_site_that_counts_there_is_nothing_to_aim_at() -> None:
    assert planned(1, sites=())[0].probes == []


def test_singles_are_shown_once_and_count_in_the_days_presentations() -> None:
    rows, asked, queue = planned(1)
    assert [row["repetitions"] for row in rows.images if row["role"] == "single"] == [1] * 4
    images = asked.images
    of_queue = rows.n_presentations - 6 * images.clean_repetitions + images.clean_per_day * images.clean_repetitions
    of_queue += (images.normalizers - len(queue.normalizers)) * images.normalizer_repetitions
    attacked = len(rows.attacks) * asked.attack.repetitions
    every_site = attacked * asked.sites.n_sites // 2
    assert presentations_of(asked, 1) == of_queue - attacked + every_site


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        ({"probes": {"per_day": 3}}, "probes.disagreement: expected 0"),
        ({"probes": {"held_out": 3, "disagreement": 0}}, "expected probes that are fitted beside"),
        (
            {
                "probes": {"per_day": 1, "held_out": 1, "disagreement": 0},
                "images": {"anchors": 0},
                "attack": {"anchors_per_site": 0},
                "controls": {"n_images": 0},
            },
            "probes.held_out: expected anchors",
        ),
    ],
)
def test_probes_that_cannot_be_made_are_refused(sections: dict[str, Any], says: str) -> None:
    with pytest.raises(ProtocolError, match=says):
        protocol(**sections)


def made_probes(root: Path, *, workers: Workers = HERE) -> tuple[StageContext, StimulusSet, SiteEnsemble]:
    """Make an attack and five probes: three for pairs of members, one driven, one held out."""
    made = replace(
        context(root, "synthesize", attack={"steps": 3, "gradient": {}}, probes={"steps": 4}), workers=workers
    )
    images = [
        {"image_id": image.image_id, "category": image.category, "role": role, "repetitions": 2}
        for image, role in zip(open_study_pool(made.study, None).images(), ("clean", "single", "anchor"), strict=False)
    ]
    attack = {"item_id": "a", "kind": "attacked", "image_id": images[0]["image_id"], "role": "clean"}
    attack |= {"other_image_id": "", "site_index": 0, "epsilon": 10.0, "repetitions": 2}
    aims = [(0, 0, 0, 1), (1, 1, 0, 2), (1, 2, 1, 2), (0, 1, -1, -1), (2, 0, 0, 1)]
    probes = [
        {
            "item_id": f"p{number}",
            "image_id": images[image]["image_id"],
            "role": images[image]["role"],
            "site_index": site,
            "first_member": first,
            "second_member": second,
            "epsilon": 30.0,
        }
        for number, (image, site, first, second) in enumerate(aims)
    ]
    plan = context(root, "plan")
    plan.write(PLANNED_IMAGES, as_columns(images, PLANNED_IMAGES.layout))
    plan.write(PLANNED_ITEMS, as_columns([attack], PLANNED_ITEMS.layout))
    plan.write(PLANNED_PROBES, as_columns(probes, PLANNED_PROBES.layout))
    publish(plan)
    model = SiteEnsemble(small_model(seed=seed) for seed in range(3))
    file = MODEL.published(made.paths, 0)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_site_model(file, model)
    synthesize.run(made)
    publish(made)
    return made, read_stimulus_set(reader_of(made.paths), 0), model


def test_a_probe_is_an_image_on_which_its_members_differ_more_within_its_epsilon(tmp_path: Path) -> None:
    made, stimuli, model = made_probes(tmp_path)
    columns, rows = stimuli.columns, stimuli.rows(kind="probe")
    assert columns["kind"].tolist() == ["clean"] * 3 + ["attacked"] + ["probe"] * 5
    assert (columns["realised_epsilon"][rows] <= 30.0).all()
    of_members = np.stack([predict(member, stimuli.images) for member in model.members])
    site, clean = columns["site_index"][rows], columns["clean_index"][rows]
    for place, (first, second) in {0: (0, 1), 1: (0, 2), 2: (1, 2), 4: (0, 1)}.items():
        difference = (of_members[first] - of_members[second])[:, site[place]]
        assert abs(difference[rows[place]] - difference[clean[place]]) > 0.1
    driven = of_members.mean(axis=0)[:, site[3]]
    assert abs(driven[rows[3]] - driven[clean[3]]) > 0.1
    audit = made.read(AUDIT)
    assert audit["kind"].tolist() == ["attacked"] + ["probe"] * 5
    assert np.isfinite(audit["predicted_change"]).all()


def test_what_each_member_says_of_every_image_is_sealed(tmp_path: Path) -> None:
    made, stimuli, model = made_probes(tmp_path)
    sealed = made.read(MEMBER_PREDICTIONS)["predicted"]
    of_members = np.stack([predict(member, stimuli.images) for member in model.members])
    np.testing.assert_allclose(sealed, of_members, rtol=1e-3, atol=1e-3)
    rows, site = stimuli.rows(kind="probe"), stimuli.columns["site_index"]
    mean = sealed.mean(axis=0)
    np.testing.assert_allclose(stimuli.columns["predicted_attacked"][rows], mean[rows, site[rows]], rtol=1e-4)


def test_probes_do_not_depend_on_who_computes_them(tmp_path: Path) -> None:
    one = made_probes(tmp_path / "one")[1]
    two = made_probes(tmp_path / "two", workers=Workers("local", 2))[1]
    np.testing.assert_array_equal(one.images, two.images)


ROWS = [
    *(stimulus("clean", "clean", place) for place in range(5)),
    stimulus("clean", "single", 5, repetitions=1),
    *(stimulus("clean", "anchor", place) for place in range(6, 10)),
    *(stimulus("clean", "normalizer", place) for place in range(10, 13)),
    *(stimulus("probe", "clean", place, site_index=0, epsilon=30.0, repetitions=1) for place in (0, 1)),
    stimulus("probe", "single", 5, site_index=1, epsilon=30.0, repetitions=1),
    *(stimulus("probe", "anchor", place, site_index=1, epsilon=30.0, repetitions=1) for place in (6, 7, 8)),
]


def fitted(root: Path, *, workers: Workers, **fit: Any) -> StageContext:
    made = replace(context(root, "refit", fit={"epochs": 2} | fit), workers=workers)
    write_stimuli(made.paths, 0, ROWS)
    shown = np.repeat(np.arange(len(ROWS)), 2)
    counts = np.random.default_rng(3).integers(5, 40, (len(ROWS), 3)).astype(float)[shown]
    write_responses(made.paths, 0, image_index=shown.tolist(), counts=counts, index_of={5: 0, 8: 1, 9: 2})
    file = MODEL.published(made.paths, 0)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_site_model(file, SiteEnsemble(small_model(seed=seed) for seed in range(2)))
    refit.run(made)
    return made


def test_probes_and_singles_are_fitted_and_probes_from_anchors_never(tmp_path: Path) -> None:
    made = fitted(tmp_path, workers=HERE)
    stimuli = read_stimulus_set(reader_of(made.paths), 0)
    assert fitted_rows(stimuli).tolist() == [0, 1, 2, 3, 4, 5, 13, 14, 15]
    assert held_out_probe_rows(stimuli).tolist() == [16, 17, 18]
    report = FitReport.read(made.output(FIT))
    assert (report.n_stimuli, report.n_heldout, report.n_heldout_probes) == (9, 4, 3)
    assert len(report.members) == 2
    assert all(len(member.loss_by_epoch) == 2 and len(member.r_heldout) == N_SITES for member in report.members)
    assert report.members[0].loss_by_epoch != report.members[1].loss_by_epoch
    assert report.loss_by_epoch == pytest.approx(np.mean([one.loss_by_epoch for one in report.members], axis=0))
    assert len(report.r_heldout_probes) == N_SITES


def test_an_ensembles_bytes_do_not_depend_on_how_many_processes_fit_it(tmp_path: Path) -> None:
    one = fitted(tmp_path / "one", workers=HERE).output(MODEL).read_bytes()
    two = fitted(tmp_path / "two", workers=Workers("local", 2)).output(MODEL).read_bytes()
    assert one == two
    assert isinstance(load_site_model(fitted(tmp_path / "three", workers=HERE).output(MODEL)), SiteEnsemble)


def test_weight_decay_falls_as_images_grow_in_number_and_the_first_refit_may_be_longer(tmp_path: Path) -> None:
    made = fitted(tmp_path, workers=HERE, weight_decay=0.3, decay_images=3, decay_power=1.0, first_epochs=3)
    report = FitReport.read(made.output(FIT))
    assert report.weight_decay == pytest.approx(0.1)
    assert len(report.loss_by_epoch) == 3
