"""How much each arm attacks by what earlier days published: two days made by hand, and the stage that plans by them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from closedloop.artifacts import catalog
from closedloop.artifacts.day.arms.tables import ARM_EFFECTS
from closedloop.artifacts.protocol.arms.section import Arms
from closedloop.artifacts.tables import Columns, as_arrays
from closedloop.stages import plan
from closedloop.stages.arms.allocation import allocate, pairs_by_arm
from closedloop.stages.context import StageContext
from closedloop.study.table import STAGE_TABLE
from tests.unit.days import context, image_queue, protocol, site_table

N_IMAGES, N_SITES = 6, 3
SMALL: dict[str, Any] = {"sites": {"n_sites": N_SITES}, "images": {"anchors": N_IMAGES}}
SECTION: dict[str, Any] = {
    "arms": [{"name": "weak"}, {"name": "strong"}],
    "n_pairs": 8,
    "epsilons": [2.5, 10.0],
    "adaptive": {"moved": 0.75, "first_day": 2},
}
ARMS = Arms.model_validate(SECTION)
MOST = N_IMAGES * N_SITES


def day_of(changes: dict[str, Sequence[float]], *, epsilon: float = 10.0, **values: Any) -> Columns:
    """Return what a day published: each arm's changes on the first pairs, image by image of site 0, in their order."""
    rows = [
        {
            "arm": arm,
            "model": "day",
            "image_index": place,
            "image_id": f"anchor-{place}",
            "neuroid_id": "array1-001",
            "site_index": 0,
            "epsilon": epsilon,
            "realised_epsilon": epsilon,
            "predicted_sign": -1,
            "change": -change,
            "first_half": np.nan,
            "second_half": np.nan,
            "true_change": 100.0 * (arm == "weak"),
            **values,
        }
        for arm, own in changes.items()
        for place, change in enumerate(own)
    ]
    return as_arrays(rows, ARM_EFFECTS)


WEAK, STRONG = [0.0, 0.2, 0.1, 0.3, 0.1, 0.2], [0.3, 0.4, 0.1, 0.6, 0.5, 0.1]
FIRST = day_of({"weak": WEAK, "strong": STRONG})
SECOND = day_of({"weak": WEAK[:3], "strong": [0.1, 0.5, 0.4, 9.0]})


def test_two_days_by_hand() -> None:
    """Nine shared pairs of six images; the chance is Student's of the difference of the means over its error."""
    rows = allocate([FIRST, SECOND], ARMS, day=3, most=MOST)
    difference = np.array([*np.subtract(STRONG, WEAK), *np.subtract([0.1, 0.5, 0.4], WEAK[:3])])
    image = np.array([0, 1, 2, 3, 4, 5, 0, 1, 2])
    residuals = [(difference - difference.mean())[image == one].sum() / 9 for one in range(6)]
    error = math.sqrt(6 / 5 * sum(one**2 for one in residuals))
    chance = stats.t.cdf(difference.mean() / error, 5)
    roots = math.sqrt(1 - chance), math.sqrt(chance)
    moved = 12 * roots[0] / sum(roots)
    assert [row["best"] for row in rows] == pytest.approx([1 - chance, chance], abs=0.01)
    assert [row["n_pairs"] for row in rows] == [2 + round(moved), 2 + 12 - round(moved)]
    assert [row["kept"] for row in rows] == [2, 2]
    assert [row["difference"] for row in rows] == pytest.approx([-difference.mean() / 2, difference.mean() / 2])
    assert rows[0]["standard_error"] == pytest.approx(error / 2)
    assert rows[1]["share"] == rows[1]["n_pairs"] / 16
    assert (rows[0]["n_shared"], rows[0]["n_sessions"], rows[0]["epsilon"]) == (9, 2, 10.0)


def test_the_hidden_truth_and_smaller_epsilons_decide_nothing() -> None:
    other = day_of({"weak": [9.0, 8.0], "strong": [0.0, 0.0]}, epsilon=2.5)
    joined = {name: np.concatenate([FIRST[name], other[name]]) for name in FIRST}
    blind = FIRST | {"true_change": np.full(len(FIRST["arm"]), np.nan)}
    rows = allocate([FIRST], ARMS, day=2, most=MOST)
    assert rows[1]["n_pairs"] > rows[0]["n_pairs"]
    assert allocate([joined], ARMS, day=2, most=MOST) == allocate([blind], ARMS, day=2, most=MOST) == rows


def test_what_people_left_out_counts_as_if_it_had_not_been_shown() -> None:
    left_out = SECOND | {"change": np.full(len(SECOND["arm"]), np.nan)}
    assert allocate([FIRST, left_out], ARMS, day=3, most=MOST) == allocate([FIRST], ARMS, day=3, most=MOST)
    of_an_arm = FIRST["change"].copy()
    of_an_arm[0] = np.nan  # a pair of one arm: for the other it does not count either
    without = day_of({"weak": [np.nan, *WEAK[1:]], "strong": [np.nan, *STRONG[1:]]})
    damaged = allocate([FIRST | {"change": of_an_arm}], ARMS, day=2, most=MOST)
    assert damaged == allocate([without], ARMS, day=2, most=MOST)
    assert damaged[0]["n_shared"] == 5


def test_where_no_earlier_day_tells_anything_every_arm_has_its_own_share() -> None:
    for effects in ([], [day_of({"weak": [np.nan], "strong": [np.nan]})], [day_of({"weak": WEAK})]):
        rows = allocate(effects, ARMS, day=2, most=MOST)
        assert [row["n_pairs"] for row in rows] == [8, 8]
        assert all(math.isnan(row[name]) for row in rows for name in ("mean", "difference", "best"))
    assert allocate([FIRST], ARMS, day=1, most=MOST) == []
    assert allocate([FIRST], ARMS.model_copy(update={"adaptive": None}), day=2, most=MOST) == []
    assert pairs_by_arm([]) is None


def test_an_arm_gets_no_more_pairs_than_there_are_and_the_day_stays_as_large() -> None:
    sure = day_of({"weak": np.zeros(6).tolist(), "strong": [5.0, 5.1, 5.0, 4.9, 5.0, 5.0]})
    assert [row["n_pairs"] for row in allocate([sure], ARMS, day=2, most=MOST)] == [2, 14]
    assert [row["n_pairs"] for row in allocate([sure], ARMS, day=2, most=10)] == [6, 10]
    assert [row["n_pairs"] for row in allocate([sure], ARMS, day=2, most=8)] == [8, 8]
    assert [row["n_pairs"] for row in allocate([sure], ARMS, day=2, most=4)] == [4, 4]


def planned(root: Path, *, day: int, effects: dict[int, Columns]) -> StageContext:
    """Run the stage after days that published these tables."""
    made = context(root, "plan", day=day, **SMALL, arms=SECTION)
    image_queue(day, clean=12, anchors=N_IMAGES, normalizers=3).write(catalog.QUEUE.published(made.paths, day))
    choice = site_table(0, index_of={number + 1: number for number in range(N_SITES)})
    choice.write(made.paths.day(0).folder("ingest") / "sites.json")
    for one, table in effects.items():
        place = catalog.ARM_EFFECTS.published(made.paths, one)
        place.parent.mkdir(parents=True, exist_ok=True)
        catalog.ARM_EFFECTS.write(place, table, simulated=True)
    plan.run(made)
    return made


def test_the_stage_plans_by_the_days_before_alone_and_writes_down_why(tmp_path: Path) -> None:
    made = planned(tmp_path / "a", day=2, effects={1: FIRST, 2: SECOND, 3: SECOND})
    table = catalog.ARM_ALLOCATION.read(made.working / "allocation.parquet")
    wanted = allocate([FIRST], ARMS, day=2, most=MOST)
    assert {name: column.tolist() for name, column in table.items()} == {
        name: [row[name] for row in wanted] for name in table
    }
    of_arms = catalog.PLANNED_ARMS.read(made.working / "arms.parquet")
    epsilons = len(ARMS.epsilons)
    assert Counter(of_arms["arm"].tolist()) == {row["arm"]: epsilons * row["n_pairs"] for row in wanted}
    assert catalog.DAY_PLAN.read(made.working / "plan.json").n_arms == ARMS.n_made(2)
    again = planned(tmp_path / "b", day=2, effects={1: FIRST})
    for name in ("allocation.parquet", "arms.parquet", "items.parquet"):
        assert (again.working / name).read_bytes() == (made.working / name).read_bytes()


def test_both_arms_go_on_attacking_the_same_first_pairs(tmp_path: Path) -> None:
    made = planned(tmp_path, day=2, effects={1: FIRST})
    items = catalog.PLANNED_ITEMS.read(made.working / "items.parquet")
    own = {
        arm: [
            (image, site)
            for name, image, site, epsilon in zip(
                *(items[one].tolist() for one in ("item_id", "image_id", "site_index", "epsilon")), strict=True
            )
            if f"|arm-{arm}|" in name and epsilon == 10
        ]
        for arm in ("weak", "strong")
    }
    assert len(own["weak"]) < len(own["strong"])
    assert own["strong"][: len(own["weak"])] == own["weak"]


def test_before_its_first_day_nothing_is_dealt_out(tmp_path: Path) -> None:
    made = planned(tmp_path, day=1, effects={})
    assert not (made.working / "allocation.parquet").exists()


def test_evaluations_of_earlier_days_with_arms_are_read_where_they_decide_and_nowhere_else(tmp_path: Path) -> None:
    paths = context(tmp_path, "plan").paths
    fixed, adaptive = (protocol(**SMALL, arms=own) for own in ({**SECTION, "adaptive": None}, SECTION))
    for stage in STAGE_TABLE.day:
        for day in range(4):
            own, plain = (stage.reads(paths, day, protocol=one, decided=False) for one in (adaptive, fixed))
            more = {paths.relative(folder) for folder in own if folder not in plain}
            is_asked = stage.name == "plan" and day >= 2
            assert more == ({f"day-{one:02d}/evaluate" for one in range(1, day)} if is_asked else set())
