"""Pages of arms whose shares earlier days decided: estimates session by session, why each got what it got, in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from closedloop.artifacts.day.arms.tables import ARM_ALLOCATION, ARM_EFFECTS, ARM_FORETOLD
from closedloop.artifacts.tables import Columns, as_arrays
from closedloop.report.arms.allocation import CORRECTED
from closedloop.report.arms.numbers import SessionArms, compared_arms
from closedloop.report.arms.section import arms_of
from closedloop.report.reading import DayRecord

N_SITES = 4
SIZES = {1: {"a": 24, "b": 24}, 2: {"a": 36, "b": 12}}  # day: what each arm attacked
TRUE = {1: {"a": 1.0, "b": 0.5}, 2: {"a": 3.0, "b": 2.5}}


def effects_of(day: int) -> Columns:
    random = np.random.default_rng(day)
    rows = [
        {
            "arm": arm,
            "model": "day",
            "image_index": place if arm == "a" else 100 + place,
            "image_id": f"image {place // N_SITES}",
            "neuroid_id": f"site {place % N_SITES}",
            "site_index": place % N_SITES,
            "epsilon": 10.0,
            "realised_epsilon": 10.0,
            "predicted_sign": 1,
            "change": TRUE[day][arm] + 0.1 * random.normal(),
            "first_half": 0.0,
            "second_half": 0.0,
            "true_change": TRUE[day][arm],
        }
        for arm, n in SIZES[day].items()
        for place in range(n)
    ]
    return as_arrays(rows, ARM_EFFECTS)


def allocation() -> Columns:
    usual: dict[str, Any] = dict.fromkeys(ARM_ALLOCATION.columns, 0)
    known = {"mean": 0.75, "standard_error": 0.02, "epsilon": 10.0, "n_shared": 24, "n_sessions": 1}
    own = {"a": {"n_pairs": 36, "share": 0.75, "difference": 0.25, "best": 0.9}}
    own["b"] = {"n_pairs": 12, "share": 0.25, "difference": -0.25, "best": 0.1}
    return as_arrays([usual | known | values | {"arm": arm} for arm, values in own.items()], ARM_ALLOCATION)


FORETOLD = as_arrays([], ARM_FORETOLD)


def sessions(allocated: Columns | None) -> list[SessionArms]:
    return [SessionArms(effects_of(1), FORETOLD), SessionArms(effects_of(2), FORETOLD, allocation=allocated)]


def test_a_day_weighs_by_the_attacks_of_all_arms_and_not_by_an_arms_own() -> None:
    (fixed,), (adaptive,) = compared_arms(sessions(None)), compared_arms(sessions(allocation()))
    assert [arm.name for arm in adaptive.arms] == ["a", "b"]
    assert [arm.change.mean for arm in adaptive.arms] == pytest.approx([2.0, 1.5], abs=0.05)  # both days have 48
    assert [arm.truth for arm in adaptive.arms] == pytest.approx([2.0, 1.5])
    assert [arm.change.mean for arm in fixed.arms] == pytest.approx([2.2, 3.5 / 3], abs=0.05)
    [difference] = adaptive.differences
    assert difference.difference.mean == pytest.approx(0.5, abs=0.05)
    assert difference.difference.n_pairs == 36
    assert (fixed.is_adaptive, adaptive.is_adaptive) == (False, True)


def test_what_was_not_measured_of_a_day_takes_its_weight() -> None:
    """Half of the second day is left out, of both arms: it weighs 24 against 48."""
    first, second = sessions(allocation())
    change = second.effects["change"].copy()
    change[np.isin(second.effects["site_index"], (0, 1))] = np.nan
    [found] = compared_arms([first, replace(second, effects={**second.effects, "change": change})])
    assert found.arms[0].change.mean == pytest.approx((48 * 1 + 24 * 3) / 72, abs=0.05)


def test_a_day_that_is_left_out_has_no_weight_nor_has_its_hidden_truth() -> None:
    first, second = sessions(allocation())
    nothing = np.full(len(second.effects["change"]), np.nan)
    [found] = compared_arms([first, replace(second, effects={**second.effects, "change": nothing})])
    assert found.arms[0].change.mean == pytest.approx(1.0, abs=0.05)
    assert found.arms[0].truth == pytest.approx(1.0)


def day_record(day: int, allocated: Columns | None) -> DayRecord:
    empty = dict.fromkeys(("plan", "images", "audit", "summary", "quality", "fit", "evaluation", "pairs"))
    return DayRecord(
        day=day,
        sensitivity=(),
        manifests={},
        arms=effects_of(day),
        arms_foretold=FORETOLD,
        arm_allocation=allocated,
        **empty,
    )


def test_the_page_says_so_and_shows_what_decided() -> None:
    section = arms_of([day_record(1, None), day_record(2, allocation())])
    assert section is not None
    assert CORRECTED in section.intro
    table = section.tables[0]
    assert table.rows[0][:4] == ("day 2", "a", "36", "75.0 %")
    assert table.rows[0][6:] == ("0.250 ± 0.020", "90.0 %", "24")
    assert section.intro.startswith("Arms had the first of the same list of pairs")
    plain = arms_of([day_record(1, None)])
    assert plain is not None
    assert CORRECTED not in plain.intro
    assert len(plain.tables) == len(section.tables) - 1


def test_all_arms_on_the_same_pairs_is_said_where_it_is_so_and_lost_ones_are_told() -> None:
    day = day_record(1, None)
    whole = arms_of([day])
    assert whole is not None
    assert whole.intro.startswith("Every arm had the same pairs of an image and a site. ")
    assert day.arms is not None
    change = day.arms["change"].copy()
    change[3] = np.nan
    less = arms_of([replace(day, arms={**day.arms, "change": change})])
    assert less is not None
    assert "the same pairs of an image and a site, of which not all were measured of every arm" in less.intro
