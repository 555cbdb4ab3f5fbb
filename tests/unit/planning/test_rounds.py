"""A day of rounds, planned: what each session costs, the hours they share, and the waits between them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from closedloop.artifacts.protocol.protocol import Protocol, presentations_per_day, read_protocol, session_hours
from closedloop.artifacts.protocol.rounds import protocol_of_session
from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.artifacts.records.sequence import Block, BlockSequence
from closedloop.commands.planned.command import with_waits
from closedloop.planning.pace import SessionPace
from closedloop.planning.page import plan_page
from closedloop.planning.past import Past
from closedloop.planning.plan import Plan, PlannedFor, make_plan, plan_of_protocol
from closedloop.planning.telling import plan_lines, round_lines

DRY_RUN = read_protocol(shipped_protocols()["dry_run"])


def cut(rounds: int = 3, *, fresh: int = 4) -> Protocol:
    attack = DRY_RUN.attack.model_copy(update={"fresh_images_per_site": fresh})
    images = DRY_RUN.images.model_copy(update={"clean_per_day": 300})
    return DRY_RUN.model_copy(update={"rounds": rounds, "attack": attack, "images": images})


WHOLE = plan_of_protocol(cut(1), day=1, hours=None)


def plan_of(protocol: Protocol, *, block: int, sequence: BlockSequence | None = None) -> Plan:
    pace = SessionPace((), protocol.trial.expected_broken_fraction)
    past = Past((), pace, tuple(range(protocol.sites.n_sites)), protocol, block=block, sequence=sequence)
    return make_plan(protocol, past, PlannedFor(), day=1, hours=None)


def test_a_protocol_is_planned_by_its_last_round_which_has_the_anchors() -> None:
    plan = plan_of_protocol(cut(), day=1, hours=None)
    assert plan.session == Block(1, 3)
    assert plan.presentations["anchors"] == WHOLE.presentations["anchors"]
    assert plan.presentations["clean"] == WHOLE.presentations["clean"] / 3
    assert sum(one.n_presentations for one in plan.rounds) == presentations_per_day(cut())


@pytest.mark.parametrize("block", [1, 2, 3])
def test_the_rounds_of_a_day_share_its_hours(block: int) -> None:
    protocol = cut()
    plan = plan_of(protocol, block=block)
    others = sum(
        session_hours(own, n_presentations=presentations_per_day(own))
        for number in {1, 2, 3} - {block}
        for own in [protocol_of_session(protocol, day=1, number=number)]
    )
    assert plan.hours.allowed == pytest.approx(5.0 - others, abs=0.005)


def test_a_round_takes_over_the_anchors_in_its_plan_too() -> None:
    protocol, dropped = cut(2), frozenset({Block(1, 2)})
    sequence = BlockSequence(dropped=dropped, rounds=2, taking_over=frozenset({Block(1)}))
    assert plan_of(protocol, block=1).presentations["anchors"] == 0
    taken = plan_of(protocol, block=1, sequence=sequence)
    assert taken.presentations["anchors"] == WHOLE.presentations["anchors"]
    assert [one.block for one in taken.rounds] == [1]


def test_the_waits_are_told_where_somebody_knows_them() -> None:
    plan = with_waits(plan_of(cut(), block=1), ({1: 90.0, 2: 300.0}, "by what day 0 took"))
    lines = round_lines(plan)
    assert lines[0].endswith("and 6 min of waiting between them by what day 0 took.")
    assert lines[1].endswith("then about 90 s of waiting.")
    assert lines[3].endswith(" h.")
    assert "waiting" not in " ".join(round_lines(plan_of(cut(), block=1)))
    assert json.loads(json.dumps(plan.as_json()))["rounds"][1]["wait_s"] == 300.0


def test_a_plan_without_rounds_says_nothing_of_them() -> None:
    assert round_lines(WHOLE) == []
    assert with_waits(WHOLE, ({1: 90.0}, "by what day 0 took")) == WHOLE
    assert not {"rounds", "waits_by"} & set(WHOLE.as_json())


def test_a_round_that_attacks_nothing_is_planned_and_drawn() -> None:
    plan = plan_of(cut(2, fresh=0), block=1)
    assert plan.epsilons == ()
    assert "Nothing is attacked in this session" in "\n".join(plan_lines(plan))
    assert b"Day 1 has 2 sessions" in plan_page(plan, command="closedloop plan")


def test_growth_is_measured_from_a_session_with_anchors() -> None:
    past = Past((), SessionPace((), 0.2), (0, 1), cut(), block=1, first_block=3)
    assert past.first_design(day=2).presentations["anchors"] > 0
    assert replace(past, first_block=0, block=3).first_design(day=2).presentations["anchors"] > 0
