"""The day's plan: who is attacked with what, the same anchors every day, what it costs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from closedloop.artifacts.amended.exclusions import Exclusion, as_text
from closedloop.artifacts.catalog import QUEUE
from closedloop.artifacts.day.plan import PLANNED_IMAGES, PLANNED_ITEMS, DayPlan
from closedloop.artifacts.tables import Columns, read_table
from closedloop.stages import plan
from closedloop.stages.context import StageContext
from tests.unit.days import context, image_queue, site_table, stimulus, write_stimuli

EPSILONS = [1.0, 2.5, 10.0]
SITES = {"n_sites": 3}
ATTACK = {"epsilons": EPSILONS, "anchors_per_site": 2, "fresh_images_per_site": 4, "repetitions": 3}
CONTROLS = {"n_images": 2, "repetitions": 4}


def planned(root: Path, *, day: int = 0, **sections: object) -> tuple[StageContext, Columns]:
    """Run the stage on a queue of 12 clean images, 6 anchors and 3 normalizers; return its items."""
    wanted = {"sites": SITES, "attack": ATTACK, "controls": CONTROLS} | sections
    made = context(root, "plan", day=day, **wanted)
    image_queue(day, clean=12, anchors=6, normalizers=3).write(QUEUE.published(made.paths, day))
    plan.run(made)
    return made, read_table(made.working / "items.parquet", PLANNED_ITEMS)


def bases(items: Columns, site: int, role: str) -> set[str]:
    return set(items["image_id"][(items["site_index"] == site) & (items["role"] == role)])


def choose_sites(root: Path, index_of: dict[int, int | None]) -> None:
    made = context(root, "ingest")
    site_table(0, index_of=index_of).write(made.published("ingest") / "sites.json")


def test_each_site_has_its_anchors_and_fresh_images_at_every_epsilon(tmp_path: Path) -> None:
    _, items = planned(tmp_path)
    attacked = items["kind"] == "attacked"
    counts = Counter(
        zip(items["site_index"][attacked], items["role"][attacked], items["epsilon"][attacked], strict=True)
    )
    assert counts == {
        (site, role, epsilon): n
        for site in range(3)
        for role, n in (("anchor", 2), ("clean", 4))
        for epsilon in EPSILONS
    }
    assert set(items["repetitions"][attacked]) == {3}
    assert len(set(items["item_id"])) == len(items["item_id"])


def test_anchors_are_dealt_evenly_and_are_the_same_on_every_day_and_for_every_choice_of_sites(tmp_path: Path) -> None:
    _, first = planned(tmp_path)
    dealt = Counter(image for site in range(3) for image in bases(first, site, "anchor"))
    assert dealt == {f"anchor-{number}": 1 for number in range(6)}
    choose_sites(tmp_path, {9: 0, 4: None, 2: 2})
    _, second = planned(tmp_path, day=1)
    assert set(second["site_index"]) == {0, 2, -1}
    for site in (0, 2):
        assert bases(second, site, "anchor") == bases(first, site, "anchor")


def test_fresh_images_are_dealt_disjointly_as_long_as_they_last(tmp_path: Path) -> None:
    _, items = planned(tmp_path)
    fresh = [bases(items, site, "clean") for site in range(3)]
    assert [len(images) for images in fresh] == [4, 4, 4]
    assert set.union(*fresh) == {f"clean-0-{number}" for number in range(12)}


def test_where_they_do_not_last_a_site_still_gets_different_ones_and_the_load_is_even(tmp_path: Path) -> None:
    _, items = planned(tmp_path, attack=ATTACK | {"fresh_images_per_site": 8})
    fresh = [bases(items, site, "clean") for site in range(3)]
    assert [len(images) for images in fresh] == [8, 8, 8]
    assert set(Counter(image for images in fresh for image in images).values()) == {2}


def test_fresh_images_are_the_days_own_and_dealt_by_chance(tmp_path: Path) -> None:
    choose_sites(tmp_path, {1: 0, 2: 1, 3: 2})
    of_day = [planned(tmp_path, day=day)[1] for day in (0, 1)]
    numbers = [{int(image.split("-")[2]) for image in bases(items, 0, "clean")} for items in of_day]
    assert all(image.startswith("clean-1-") for image in bases(of_day[1], 0, "clean"))
    assert numbers[0] != numbers[1]
    assert numbers[0] != set(range(4))


def test_a_plan_is_made_the_same_again(tmp_path: Path) -> None:
    made, _ = planned(tmp_path)
    content = (made.working / "items.parquet").read_bytes()
    planned(tmp_path)
    assert (made.working / "items.parquet").read_bytes() == content


def test_controls_are_one_an_image_epsilon_and_kind_and_serve_all_sites(tmp_path: Path) -> None:
    _, items = planned(tmp_path)
    control = items["site_index"] == -1
    found = list(zip(items["kind"][control], items["image_id"][control], items["epsilon"][control], strict=True))
    assert sorted(found) == sorted(
        (kind, f"anchor-{number}", epsilon)
        for kind in ("gaussian", "linear")
        for number in range(2)
        for epsilon in EPSILONS
    )
    assert set(items["repetitions"][control]) == {4}
    assert set(items["role"][control]) == {"anchor"}


def test_an_image_is_interpolated_to_a_clean_image_of_the_day_of_another_category(tmp_path: Path) -> None:
    choose_sites(tmp_path, {1: 0})
    for day in range(4):
        _, items = planned(tmp_path, day=day, controls=CONTROLS | {"n_images": 6})
        linear = items["kind"] == "linear"
        assert set(items["other_image_id"][~linear]) == {""}
        targets = list(zip(items["image_id"][linear], items["other_image_id"][linear], strict=True))
        assert all(other.startswith(f"clean-{day}-") for _, other in targets)
        assert all(int(image.split("-")[1]) % 4 != int(other.split("-")[2]) % 4 for image, other in targets)
        assert len(set(targets)) == 6  # an image has one target, at every epsilon


def test_a_sham_is_an_anchor_once_more_and_has_no_epsilon(tmp_path: Path) -> None:
    _, items = planned(tmp_path, controls=CONTROLS | {"sham": True})
    sham = items["kind"] == "sham"
    assert items["image_id"][sham].tolist() == ["anchor-0", "anchor-1"]
    assert set(items["epsilon"][sham]) == {0.0}
    assert set(items["site_index"][sham]) == {-1}
    assert set(items["repetitions"][sham]) == {4}


def test_attacks_that_the_day_before_showed_are_shown_again_and_no_others(tmp_path: Path) -> None:
    """Anchors 0 and 1 are site 0's, 2 and 3 site 1's; yesterday had epsilon 2.5 and 10, and no attack on anchor 1."""
    wanted = CONTROLS | {"yesterday": True, "n_images": 3}
    _, first = planned(tmp_path, controls=wanted)
    assert "yesterday" not in first["kind"]
    choose_sites(tmp_path, {9: 0, 2: 1})
    shown = [(0, 0, 2.5), (0, 0, 10.0), (2, 1, 10.0), (3, 1, 10.0)]
    rows = [stimulus("clean", "anchor", number) | {"image_id": f"anchor-{number}"} for number in range(6)] + [
        stimulus("attacked", role, number, site_index=site, epsilon=epsilon) | {"image_id": f"anchor-{number}"}
        for role, (number, site, epsilon) in [*(("anchor", one) for one in shown), ("clean", (1, 0, 2.5))]
    ]
    made = context(tmp_path, "synthesize")
    write_stimuli(made.paths, 0, rows)
    _, items = planned(tmp_path, day=1, controls=wanted)
    again = items["kind"] == "yesterday"
    found = list(zip(*(items[name][again].tolist() for name in ("image_id", "site_index", "epsilon")), strict=True))
    assert found == [("anchor-0", 0, 2.5), ("anchor-0", 0, 10.0), ("anchor-2", 1, 10.0)]
    assert set(items["repetitions"][again]) == {4}
    assert set(items["role"][again]) == {"anchor"}
    assert len(set(items["item_id"])) == len(items["item_id"])


@pytest.mark.parametrize(("gaussian", "linear"), [(True, False), (False, True), (False, False)])
def test_kinds_of_control_can_be_left_out(tmp_path: Path, gaussian: bool, linear: bool) -> None:
    _, items = planned(tmp_path, controls=CONTROLS | {"gaussian": gaussian, "linear_interpolation": linear})
    wanted = {kind for kind, asked in (("gaussian", gaussian), ("linear", linear)) if asked}
    assert set(items["kind"]) == {"attacked"} | wanted


def test_clean_images_have_the_repetitions_of_their_role(tmp_path: Path) -> None:
    made, _ = planned(tmp_path)
    images = read_table(made.working / "images.parquet", PLANNED_IMAGES)
    counts = Counter(zip(images["role"], images["repetitions"], strict=True))
    assert counts == {("clean", 3): 12, ("anchor", 2): 6, ("normalizer", 2): 3}


def test_the_budget_adds_up_by_hand(tmp_path: Path) -> None:
    """A trial of six images takes 2.23 s in smoke.yaml, and 28 % of the trials break."""
    choose_sites(tmp_path, {9: 0, 2: 2})
    for day, n_sites in ((0, 3), (1, 2)):
        made, _ = planned(tmp_path, day=day)
        found = DayPlan.read(made.working / "plan.json")
        n_attacked, n_controls = n_sites * (2 + 4) * 3, 2 * 2 * 3
        shown = 12 * 3 + 6 * 2 + 3 * 2 + n_attacked * 3 + n_controls * 4
        assert (found.n_attacked, found.n_controls) == (n_attacked, n_controls)
        assert (found.n_clean, found.n_anchors, found.n_normalizers) == (12, 6, 3)
        assert (found.budget.n_presentations, found.budget.n_images) == (shown, 12 + 6 + 3 + n_attacked + n_controls)
        assert np.isclose(found.budget.hours, shown / 6 / 0.72 * 2.23 / 3600)
        assert found.budget.allowed_hours == 5.0


def test_a_site_that_people_left_out_evolves_no_longer_and_the_next_one_does(tmp_path: Path) -> None:
    choose_sites(tmp_path, {2: 0, 3: 1, 4: 2})
    out = Exclusion(part="evaluation", thing="site", name="array1-003", from_day=2)
    evolving = {"n_sites": 2, "images": 4, "parents": 2}
    for left_out, wanted in (((), {0, 1}), ((out,), {0, 2})):
        made = context(tmp_path, "plan", day=2, sites=SITES, attack=ATTACK, controls=CONTROLS, evolution=evolving)
        image_queue(2, clean=12, anchors=6, normalizers=3).write(QUEUE.published(made.paths, 2))
        plan.run(replace(made, decided={"not_attacked": as_text(left_out)}))
        items = read_table(made.working / "items.parquet", PLANNED_ITEMS)
        assert set(items["site_index"][items["role"] == "evolution"]) == wanted
