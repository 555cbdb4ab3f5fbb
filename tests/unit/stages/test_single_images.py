"""Single images of a few sites: which are planned, who counts them, and that no estimator of all sites does."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.catalog import QUEUE
from closedloop.artifacts.day.plan import PLANNED_IMAGES, PLANNED_ITEMS
from closedloop.artifacts.day_use import attacked_rows, evaluated_clean_rows, fitted_rows, repeated_rows
from closedloop.artifacts.stimulus_set import StimulusSet
from closedloop.artifacts.tables import Columns, read_table
from closedloop.stages import plan
from closedloop.stages.evaluate.intervals import interval_rows
from closedloop.stages.evaluate.pairs import ImagePairs, measure, pairs_of
from closedloop.stages.evaluate.rows import measured_rows
from closedloop.stages.evaluate.single_images import image_curve_rows
from closedloop.stages.evaluate.slopes import slope_rows
from tests.unit.days import context, image_queue, queued, site_table
from tests.unit.stages.evaluate.small_days import small_day

SECTION = {"days": [1], "n_sites": 2, "n_images": 5, "repetitions": 7}


def planned(root: Path, *, n_images: int, index_of: dict[int, int | None]) -> tuple[Columns, Columns]:
    made = context(
        root,
        "plan",
        day=1,
        days=3,
        sites={"n_sites": 3},
        attack={"epsilons": [1.0, 10.0], "anchors_per_site": 2, "fresh_images_per_site": 0, "repetitions": 2},
        image_sensitivity=SECTION,
    )
    queue = image_queue(1, clean=12, anchors=6, normalizers=3)
    queue = queue.model_copy(update={"repeated": queued("many", n_images)})
    queue.write(QUEUE.published(made.paths, 1))
    first = made.at(plan.FIRST).published("ingest")
    first.mkdir(parents=True, exist_ok=True)
    site_table(0, index_of=index_of).write(first / "sites.json")
    plan.run(made)
    images = read_table(made.working / "images.parquet", PLANNED_IMAGES)
    return images, read_table(made.working / "items.parquet", PLANNED_ITEMS)


def test_the_most_reliable_sites_share_the_images_each_with_its_own_attack(tmp_path: Path) -> None:
    images, items = planned(tmp_path, n_images=5, index_of={7: 0, 3: 1, 9: 2})
    own = items["kind"] == "repeated"
    found = {
        site: set(items["image_id"][own & (items["site_index"] == site)])
        for site in np.unique(items["site_index"][own])
    }
    assert sorted(found) == [0, 1]  # outputs are numbered by reliability
    assert found[0] == found[1] == {image.image_id for image in queued("many", 5)}
    assert own.sum() == 5 * 2 * 2
    assert set(items["repetitions"][own]) == set(images["repetitions"][images["role"] == "repeated"]) == {7}
    assert len(set(items["item_id"])) == len(items["item_id"])


def test_a_site_that_is_attacked_no_longer_gives_its_place_to_the_next(tmp_path: Path) -> None:
    _, items = planned(tmp_path, n_images=5, index_of={7: 0, 3: None, 9: 2})
    assert sorted(set(items["site_index"][items["kind"] == "repeated"])) == [0, 2]


def with_repeated(pairs: ImagePairs) -> ImagePairs:
    """Return pairs with two more: a huge change of one image at site 0, at two epsilons, shown many times."""
    values: dict[str, NDArray[Any]] = {}
    for field in fields(ImagePairs):
        column = getattr(pairs, field.name)
        more = np.repeat(column[:1], 2, axis=0)
        if field.name in ("kind", "role"):
            more = np.array(["repeated"] * 2)
        if field.name == "image_id":
            more = np.array(["many-0"] * 2)
        if field.name == "epsilon":
            more = np.array([1.0, 10.0])
        if field.name == "repetitions_changed":
            more = np.array([[1.0, 1.2], [99.0, 99.2]])
        if field.name == "repetitions_clean":
            more = np.array([[0.0, 0.2], [0.0, 0.2]])
        values[field.name] = np.concatenate([column, more])
    return ImagePairs(**values)


def test_no_estimate_of_all_sites_counts_them() -> None:
    pairs = pairs_of(small_day(), measure(small_day()), true_rates_hz=None)
    more = with_repeated(pairs)
    assert repr(measured_rows(more)) == repr(measured_rows(pairs))
    assert repr(interval_rows(more, has_truth=False)) == repr(interval_rows(pairs, has_truth=False))
    assert repr(slope_rows(more)) == repr(slope_rows(pairs))


def test_their_own_table_has_each_curve_with_its_slope() -> None:
    pairs = pairs_of(small_day(), measure(small_day()), true_rates_hz=None)
    assert image_curve_rows(pairs) == []
    low, high = image_curve_rows(with_repeated(pairs))
    assert (low["epsilon"], high["epsilon"]) == (1.0, 10.0)
    np.testing.assert_allclose([low["sensitivity"], high["sensitivity"]], [1.0, 99.0])
    np.testing.assert_allclose([low["slope"], high["slope"]], 98 / 9)


def test_they_are_neither_fitted_nor_among_the_clean_images_of_sigma() -> None:
    kind = np.array(["clean", "clean", "attacked", "repeated"])
    role = np.array(["clean", "repeated", "clean", "repeated"])
    stimuli = StimulusSet(
        {"stimulus_id": np.arange(4), "kind": kind, "role": role}, np.zeros((4, 8, 8, 3), dtype=np.uint8)
    )
    assert fitted_rows(stimuli).tolist() == [0, 2]
    assert evaluated_clean_rows(stimuli).tolist() == [0]
    assert attacked_rows(stimuli).tolist() == [2]
    assert repeated_rows(stimuli).tolist() == [3]
