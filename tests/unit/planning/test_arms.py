"""Whether two arms will be told apart: their pairs share the clean image, and what cannot be promised is not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from closedloop.artifacts.protocol.arms.objective import ArmObjective
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.planning.arms import ExpectedArms, arm_lines
from closedloop.planning.plan import plan_of_protocol
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
