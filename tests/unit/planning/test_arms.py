"""Whether two arms will be told apart: their pairs share the clean image, and what cannot be promised is not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from closedloop.artifacts.protocol.arms.adaptive import Adaptive
from closedloop.artifacts.protocol.arms.objective import ArmObjective
from closedloop.artifacts.protocol.protocol import Protocol, read_protocol
from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.planning.arms import ExpectedArms, allocation_lines, arm_lines
from closedloop.planning.plan import Plan, plan_of_protocol
from closedloop.planning.telling import protocol_lines

SHIPPED = read_protocol(shipped_protocols()["arms"])


def expected(**section: object) -> ExpectedArms:
    arms = SHIPPED.arms.model_copy(update=section)
    [found] = plan_of_protocol(SHIPPED.model_copy(update={"arms": arms}), day=3, hours=None).arms
    return found


def test_the_error_shrinks_with_pairs_and_with_showings() -> None:
    one = expected()
    assert one.n_pairs == 126
    assert expected(n_pairs=504).standard_error == pytest.approx(one.standard_error / 2)
    often = expected(repetitions=2_000_000).standard_error
    assert 0 < often < one.standard_error  # what is left are the pairs themselves


def test_as_many_pairs_as_are_said_to_be_needed_are_enough() -> None:
    needed = expected().needed
    assert needed > 126
    assert expected(n_pairs=int(needed)).power == pytest.approx(0.8, abs=0.01)


def test_what_is_no_promise_is_called_none() -> None:
    [line] = arm_lines((expected(),))
    assert "that is no promise; for four fifths it would take some" in line
    sure = expected(n_pairs=int(expected().needed) + 40)
    assert sure.is_promised
    assert "no promise" not in arm_lines((sure,))[0]
    assert line in protocol_lines(plan_of_protocol(SHIPPED, day=3, hours=None))


def with_sites(n_sites: int, *, adaptive: bool = False, n_pairs: int = 84) -> Plan:
    changed = {"n_sites": n_sites, "n_pairs": n_pairs, "adaptive": Adaptive() if adaptive else None}
    arms = SHIPPED.arms.model_copy(update=changed)
    return plan_of_protocol(SHIPPED.model_copy(update={"arms": arms}), day=3, hours=None)


def test_of_few_sites_power_is_that_of_as_many_degrees_of_freedom() -> None:
    """The interval is by images or sites, whichever are fewer."""
    for n_sites in (2, 3, 5):
        [one] = with_sites(n_sites).arms
        assert (one.n_pairs, one.n_tested) == (84, n_sites)
        shift, degrees = 0.2 * one.size / one.standard_error, n_sites - 1
        limit = stats.t.ppf(0.975, degrees)
        exact = stats.nct.sf(limit, degrees, shift) + stats.nct.cdf(-limit, degrees, shift)
        assert one.power == pytest.approx(exact, abs=1e-4)
        assert f"by Student's t with {degrees} degree" in arm_lines((one,))[0]
    [few_pairs] = with_sites(21, n_pairs=3).arms
    assert few_pairs.n_tested == 3
    [too_many] = with_sites(2, n_pairs=500).arms
    assert too_many.n_pairs == 84  # 42 anchors at two sites


def test_of_one_site_nothing_is_promised_and_the_line_says_why() -> None:
    plan = with_sites(1, adaptive=True)
    [one] = plan.arms
    assert not one.is_promised
    assert "of one image or site: whether they are told apart cannot be said" in arm_lines((one,))[0]
    assert all("%" not in line for line in allocation_lines(plan.allocation))


def test_an_arm_alone_and_a_day_without_arms_tell_no_difference() -> None:
    first = SHIPPED.arms.model_copy(update={"arms": SHIPPED.arms.arms[:1]})
    alone = SHIPPED.model_copy(update={"arms": first})
    assert plan_of_protocol(alone, day=3, hours=None).arms == ()
    levels = SHIPPED.arms.arms[1].model_copy(update={"objective": ArmObjective(kind="level", targets=(1.0,))})
    beside = SHIPPED.arms.model_copy(update={"arms": (SHIPPED.arms.arms[0], levels)})
    assert plan_of_protocol(SHIPPED.model_copy(update={"arms": beside}), day=3, hours=None).arms == ()
    plan = plan_of_protocol(SHIPPED, day=0, hours=None)
    assert plan.arms == ()
    assert "arms" not in plan.as_json()


def test_the_error_is_that_of_drawn_pairs() -> None:
    """Responses to a clean image and to both attacked ones, drawn; the arms' true changes correlate by a half."""
    one, random, n_days = expected(), np.random.default_rng(0), 4000
    again = expected(repetitions=4)
    noise = (
        2 * (one.standard_error**2 - again.standard_error**2) * 126
    )  # of one presentation, by what repetitions take away
    spread = one.standard_error**2 * 126 - noise
    shared, own = random.normal(size=(n_days, 126, 1)), random.normal(size=(n_days, 126, 2))
    true = math.sqrt(spread / 2) * (shared + own)
    measured = true + math.sqrt(noise / 2) * random.normal(size=true.shape)
    differences = (measured[..., 0] - measured[..., 1]).mean(axis=1)
    assert differences.std() == pytest.approx(one.standard_error, rel=0.05)


def plan_of(epsilon: float, *, n_pairs: int = 252, n_days: int = 6, adaptive: bool = True) -> Plan:
    changed = {"epsilons": (epsilon,), "n_pairs": n_pairs, "adaptive": Adaptive() if adaptive else None}
    arms = SHIPPED.arms.model_copy(update=changed)
    own: Protocol = SHIPPED.model_copy(update={"arms": arms, "days": n_days})
    return plan_of_protocol(own, day=3, hours=None)


def test_at_a_small_epsilon_with_hundreds_of_images_adaptive_shares_promise_nothing_and_no_number() -> None:
    plan = plan_of(2.5)
    assert plan.allocation is not None
    assert plan.allocation.simulated is None
    [line] = allocation_lines(plan.allocation)
    assert line.startswith("Adaptive arms: no promise. By the noise at epsilon 2.5 ")
    assert [one for one in line.replace("2.5", "") if one.isdigit()] == []
    assert line in protocol_lines(plan)
    assert plan.as_json()["allocation"]["simulated"] is None


def test_where_the_better_arm_will_be_found_its_shares_rise_and_what_that_costs_is_told() -> None:
    plan = plan_of(10.0)
    assert plan.allocation is not None
    found = plan.allocation.simulated
    assert found is not None
    assert plan.allocation.days == (1, 2, 3, 4, 5)
    assert found.shares[0] == pytest.approx(1 / 3)
    assert list(found.shares) == sorted(found.shares)
    assert found.most > 0.99
    assert found.adaptive.mean_width < found.fixed.mean_width  # more images by the better arm
    assert found.adaptive.width > found.fixed.width  # fewer pairs that two arms share
    assert found.adaptive.power < found.fixed.power
    [line] = allocation_lines(plan.allocation)
    assert "the largest part in over 99 % of such studies" in line
    assert f"told from another in {100 * found.adaptive.power:.0f} % in place of" in line


def test_the_simulated_widths_and_power_with_fixed_shares_are_those_of_the_formula() -> None:
    """Days of one size: the error of a day over the root of the number of days, as told of a day by itself."""
    plan = plan_of(10.0, n_days=6)
    assert plan.allocation is not None
    assert plan.allocation.simulated is not None
    [of_day], fixed = plan.arms, plan.allocation.simulated.fixed
    grown = [2.7 ** ((day - 3) / 4) for day in range(1, 6)]
    error = of_day.standard_error / math.sqrt(5)
    limit = stats.t.ppf(0.975, 20)
    assert fixed.width == pytest.approx(2 * limit * error, rel=0.01)
    shift = 0.2 * of_day.size * np.mean(grown) / error
    assert fixed.power == pytest.approx(stats.norm.sf(limit - shift), abs=0.04)


def test_fixed_shares_have_no_allocation() -> None:
    plan = plan_of(10.0, adaptive=False)
    assert plan.allocation is None
    assert "allocation" not in plan.as_json()
    assert allocation_lines(None) == []
    assert plan_of(10.0, n_days=2).allocation is None  # there is no day from which on
