"""Category preference in a day: which categories are chosen, what is drawn, planned, made, fitted and evaluated."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from closedloop.artifacts.catalog import AUDIT, MODEL, PLANNED_IMAGES, PLANNED_ITEMS
from closedloop.artifacts.day.queue import ImageQueue
from closedloop.artifacts.day.responses import Site
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.day_use import evaluated_clean_rows, fitted_rows
from closedloop.artifacts.files.kinds import reader_of
from closedloop.artifacts.protocol.preference import Preference
from closedloop.artifacts.protocol.protocol import (
    Protocol,
    fresh_images_of,
    presentations_of,
    protocol_sha256,
    read_protocol,
)
from closedloop.artifacts.protocol.rounds import protocol_of_session
from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.artifacts.stimulus_set import StimulusSet, read_stimulus_set
from closedloop.artifacts.tables import as_columns
from closedloop.errors import ImageError, ProtocolError
from closedloop.models.checkpoints import save_site_model
from closedloop.stages import synthesize
from closedloop.stages.evaluate.pairs import measure, pairs_of
from closedloop.stages.evaluate.preference import preferred_categories, typical_stimuli
from closedloop.stages.evaluate.rows import measured_rows
from closedloop.stages.from_protocol.images import open_study_pool
from closedloop.stages.plan import PlannedRows, plan_rows
from closedloop.stages.preference.choice import draw_preferences, numbered_preferences, prefer, refuse_few_categories
from closedloop.stimuli.pools import ProceduralPool
from tests.unit.days import context, image_queue, protocol, publish, stimulus
from tests.unit.stages.small_models import small_model

ASKED = {"images_per_site": 3, "n_categories": 2, "epsilons": [5.0, 20.0], "repetitions": 3, "first_day": 2}
SITES = tuple(
    Site(neuroid_id=f"s{place}", electrode_id=place + 1, reliability=0.5, mean_rate_hz=1, sigma_hz=1, site_index=place)
    for place in range(2)
)


def shown(rates: dict[str, tuple[float, float]], *, gain: float = 1.0) -> DayResponses:
    """Return a day of two sites that showed three images of each category, with normalizers that answer 0 and 1."""
    rows = [(name, "clean", values) for name, values in rates.items() for _ in range(3)]
    rows += [("n", "normalizer", (0.0, 0.0)), ("n", "normalizer", (1.0, 1.0))]
    columns = as_columns(
        [
            stimulus("clean", role, place, category=name, image_index=place, stimulus_id=str(place))
            for place, (name, role, _) in enumerate(rows)
        ],
        synthesize.catalog.STIMULI.layout,
    )
    table = {name: np.array(values) for name, values in columns.items()}
    stimuli = StimulusSet(table, np.zeros((len(rows), 1, 1, 3), np.uint8))
    presentations = {"image_index": np.arange(len(rows)), "ordinal": np.arange(len(rows))}
    return DayResponses(stimuli, SITES, presentations, gain * np.array([values for *_, values in rows]))


def test_a_site_prefers_the_category_of_the_largest_mean_whatever_the_days_gains() -> None:
    """On day 1 every rate is ten times as large; normalizers take that back, so that C stays first for site 0."""
    day_0 = shown({"A": (1, 9), "B": (3, 5), "C": (8, 1)})
    day_1 = shown({"A": (2, 9), "B": (4, 6), "D": (6, 2)}, gain=10)
    found = prefer([day_0, day_1], n_least=2)
    assert found[0] == ("C", ("A", "B"))
    assert found[1] == ("A", ("C", "D"))


def test_every_site_has_fresh_images_of_its_own_of_its_categories() -> None:
    names = [image.category for image in ProceduralPool(1, n_categories=4, n_per_category=1).images()]
    day = shown({name: (place, -place) for place, name in enumerate(names)})
    pool = ProceduralPool(1, n_categories=4, n_per_category=12).images()
    used = {image.image_id for image in pool if image.image_id.endswith(("0", "1"))}
    found = draw_preferences(pool, [day], Preference(**ASKED), used=used, seed=3, place="day 2")
    assert [(one.preferred, one.least) for one in found] == [
        (names[3], (names[0], names[1])),
        (names[0], (names[3], names[2])),
    ]
    drawn = [image.image_id for one in found for image in one.images]
    assert len(set(drawn)) == len(drawn) == 12
    assert not set(drawn) & used
    for one in found:
        assert {image.category for image in one.preferred_images} == {one.preferred}
        assert sorted(Counter(image.category for image in one.least_images).values()) == [1, 2]
    again = draw_preferences(pool, [day], Preference(**ASKED), used=used, seed=3, place="day 2")
    assert found == again
    with pytest.raises(ImageError, match="for site s0"):
        draw_preferences(pool[:4], [day], Preference(**ASKED), used=used, seed=3, place="day 2")


def planned(day: int, *, sites: tuple[int, ...] = (0, 1, 2, 3)) -> tuple[PlannedRows, Protocol, ImageQueue]:
    asked = protocol(preference=ASKED)
    queue = image_queue(day, clean=30, anchors=6, normalizers=5)
    queue = queue.model_copy(update={"preference": numbered_preferences(asked, day)})
    rows = plan_rows(queue, asked, sites=sites, seed_of=lambda *names: len(str(names)), was_shown=lambda _attack: False)
    return rows, asked, queue


def test_from_its_first_day_on_each_site_is_attacked_on_its_own_images_and_all_are_shown_clean() -> None:
    rows, _, queue = planned(2)
    own = {one.site_index: {image.image_id for image in one.least_images} for one in queue.preference}
    assert len(rows.raised) == 4 * 3 * 2
    assert all(row["image_id"] in own[int(row["site_index"])] for row in rows.raised)
    assert {row["epsilon"] for row in rows.raised} == {5.0, 20.0}
    clean = [row for row in rows.images if row["role"] == "preference"]
    assert len(clean) == 4 * 6
    assert {int(row["repetitions"]) for row in (*clean, *rows.raised)} == {3}
    assert {row["kind"] for row in rows.attacks} == {"attacked"}


def test_the_days_before_show_none_and_a_site_that_is_not_attacked_has_none() -> None:
    assert planned(1)[0].raised == []
    assert {row["site_index"] for row in planned(2, sites=(1, 3))[0].raised} == {1, 3}
    assert planned(2, sites=(1,))[0].n_images < planned(2)[0].n_images


def test_what_a_day_is_foreseen_to_show_is_what_is_planned() -> None:
    for day in (1, 2):
        rows, asked, _ = planned(day)
        assert presentations_of(asked, day) == rows.n_presentations
        assert fresh_images_of(asked, day) == sum(row["role"] in ("clean", "preference") for row in rows.images)


def test_a_protocol_without_the_section_is_the_one_it_was() -> None:
    assert protocol_sha256(protocol(preference={})) == protocol_sha256(protocol())
    assert planned(1)[0].items == [*planned(1)[0].attacks, *planned(1)[0].controls]
    assert protocol_sha256(protocol(preference=ASKED)) != protocol_sha256(protocol())


def test_of_a_day_of_rounds_the_last_one_shows_them() -> None:
    whole = read_protocol(shipped_protocols()["category_preference"]).model_copy(update={"rounds": 2})
    sessions = [protocol_of_session(whole, day=2, number=number) for number in (1, 2)]
    assert [one.preference.images_on(2) for one in sessions] == [0, whole.preference.images_per_site]


def test_what_cannot_be_is_refused_before_anything_is_shown() -> None:
    with pytest.raises(ProtocolError, match="first_day"):
        protocol(preference={"first_day": 0})
    with pytest.raises(ProtocolError, match="ascending"):
        protocol(preference={"epsilons": [5.0, 1.0]})
    pool = ProceduralPool(1, n_categories=2, n_per_category=3).images()
    with pytest.raises(ImageError, match="at least 3 categories"):
        refuse_few_categories(pool, Preference(**ASKED))
    refuse_few_categories(pool, Preference())


def item(kind: str, image: Any, role: str, site: int, epsilon: float) -> dict[str, Any]:
    name = f"{image.image_id}|{kind}|{site}|{epsilon}"
    usual = {"item_id": name, "kind": kind, "image_id": image.image_id, "role": role, "other_image_id": ""}
    return usual | {"site_index": site, "epsilon": epsilon, "repetitions": 2}


def made_day(root: Path) -> StimulusSet:
    """Make an attack on an anchor, two that raise sites, and a control, by a small model."""
    made = context(root, "synthesize", attack={"steps": 3, "gradient": {}})
    images = open_study_pool(made.study, None).images()[:3]
    roles = ("anchor", "preference", "preference")
    rows = [
        {"image_id": image.image_id, "category": image.category, "role": role, "repetitions": 2}
        for image, role in zip(images, roles, strict=True)
    ]
    items = [
        item("attacked", images[0], "anchor", 0, 10.0),
        item("preference", images[1], "preference", 0, 10.0),
        item("preference", images[2], "preference", 1, 20.0),
        item("gaussian", images[0], "anchor", -1, 10.0),
    ]
    plan = context(root, "plan")
    plan.write(PLANNED_IMAGES, as_columns(rows, PLANNED_IMAGES.layout))
    plan.write(PLANNED_ITEMS, as_columns(items, PLANNED_ITEMS.layout))
    publish(plan)
    file = MODEL.published(made.paths, 0)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_site_model(file, small_model())
    synthesize.run(made)
    publish(made)
    return read_stimulus_set(reader_of(made.paths), 0)


def test_they_raise_what_the_model_predicts_and_are_fitted_and_no_sample_of_clean_images(tmp_path: Path) -> None:
    stimuli = made_day(tmp_path)
    columns = stimuli.columns
    assert columns["kind"].tolist() == ["clean"] * 3 + ["attacked", "preference", "preference", "gaussian"]
    raised = stimuli.rows(kind="preference")
    assert columns["predicted_sign"][raised].tolist() == [1, 1]
    assert (columns["predicted_attacked"][raised] > columns["predicted_clean"][raised]).all()
    assert (columns["realised_epsilon"][raised] <= columns["epsilon"][raised]).all()
    assert columns["clean_index"][raised].tolist() == [1, 2]
    assert fitted_rows(stimuli).tolist() == [1, 2, 4, 5]
    assert evaluated_clean_rows(stimuli).tolist() == []


def test_a_control_is_as_large_as_the_ordinary_attacks_of_its_epsilon_alone(tmp_path: Path) -> None:
    stimuli = made_day(tmp_path)
    realised = stimuli.columns["realised_epsilon"]
    assert realised[6] == pytest.approx(realised[3], rel=0.02)
    audit = AUDIT.read(tmp_path / "day-00" / "synthesize" / AUDIT.name)
    assert audit["kind"].tolist() == ["attacked", "preference", "preference", "gaussian"]
    assert np.isfinite(audit["predicted_change"]).tolist() == [True, True, True, False]


def evaluated_day() -> DayResponses:
    """Return a day: 4 clean, an anchor, 2 preferred and 2 least preferred images of site 0, attacks on all of these."""
    kinds = [("clean", "clean", place, 0.0) for place in range(4)] + [("clean", "anchor", 4, 0.0)]
    kinds += [("clean", "preference", place, 0.0) for place in range(5, 9)]
    kinds += [("attacked", "anchor", 4, 1.0)]
    kinds += [("preference", "preference", place, epsilon) for place in (7, 8) for epsilon in (1.0, 10.0)]
    rates = [10, 20, 30, 40, 25, 90, 110, 10, 14, 35, 12, 60, 18, 30]
    rows = [
        stimulus(kind, role, clean, image_index=place, stimulus_id=str(place), epsilon=epsilon)
        | ({"site_index": 0, "predicted_sign": 1} if kind != "clean" else {})
        for place, (kind, role, clean, epsilon) in enumerate(kinds)
    ]
    columns = {name: np.array(values) for name, values in as_columns(rows, synthesize.catalog.STIMULI.layout).items()}
    stimuli = StimulusSet(columns, np.zeros((len(rows), 1, 1, 3), np.uint8))
    index = np.repeat(np.arange(len(rows)), 2)
    rates_hz = np.repeat(np.array(rates, dtype=np.float64), 2)[:, None]
    return DayResponses(stimuli, SITES[:1], {"image_index": index, "ordinal": np.arange(len(index))}, rates_hz)


def test_they_are_pairs_of_their_own_kind_in_no_estimate_of_sensitivity() -> None:
    day = evaluated_day()
    pairs = pairs_of(day, measure(day), true_rates_hz=None)
    assert Counter(pairs.kind.tolist()) == {"attacked": 1, "preference": 4}
    of_day = measured_rows(pairs)
    assert {row["epsilon"] for row in of_day} == {1.0}
    (paper,) = {row["mean"] for row in of_day if row["estimate"] == "paper" and row["site"] == ""}
    assert paper == pytest.approx((35 - 25) / np.std([10, 20, 30, 40], ddof=1))


def test_the_preferred_level_of_the_day_is_of_fresh_images_and_a_typical_site_is_shown() -> None:
    day = evaluated_day()
    measured = measure(day)
    (chosen,) = numbered_preferences(
        protocol(preference=ASKED | {"images_per_site": 2, "first_day": 1}, sites={"n_sites": 1}), 1
    )
    renamed = {
        "preferred_images": tuple(
            image.model_copy(update={"image_id": f"image-{row}"})
            for image, row in zip(chosen.preferred_images, (5, 6), strict=True)
        )
    }
    (found,) = preferred_categories(day, measured, [chosen.model_copy(update=renamed)])
    assert (found.neuroid_id, found.mean_hz, found.n_images, found.image_index) == ("s0", 100.0, 2, (5, 6))
    assert found.interval_low_hz == pytest.approx(100 - 12.7062 * 10, abs=0.01)
    typical = typical_stimuli(day, measured, pairs_of(day, measured, true_rates_hz=None), [found])
    assert typical is not None
    site, stimuli = typical
    assert site == 0
    assert [row for _, row in stimuli] == [6, 7, 10, 11]
