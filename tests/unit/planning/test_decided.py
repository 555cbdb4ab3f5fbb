"""What people decided is what a plan goes by, and what it tells."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from closedloop.artifacts.amended.closing import JOURNAL
from closedloop.artifacts.amended.exclusions import Exclusion, noted
from closedloop.artifacts.day.queue import NotShown
from closedloop.artifacts.day.responses import Site, SiteTable
from closedloop.artifacts.records.amendments import Amendment, Kind
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import StudyPaths
from closedloop.gates.context import GateContext
from closedloop.planning.decided import ToldDecisions, sites_of_session, told_of
from closedloop.planning.design import DaySites, design_day
from closedloop.planning.pace import SessionPace
from closedloop.planning.past import Past
from closedloop.planning.plan import PlannedFor, make_plan
from closedloop.planning.telling import change_text, plan_lines
from closedloop.study.amending.keys import values_by_key
from tests.unit.gates.recorded_days import STUDY
from tests.unit.planning.toy_days import N_SITES, USUAL, ToySubject

SITE = Exclusion(part="evaluation", thing="site", name="a-1", from_day=0)
ARRAY = Exclusion(part="evaluation", thing="array", name="b", from_day=2)


def line(kind: Kind, day: int | None = None, **values: dict[str, str]) -> Amendment:
    return Amendment(kind=kind, simulated=False, day=day, utc="2026-03-02T09:00:00", who="ada", why="noisy", **values)


def table(*names: str) -> SiteTable:
    sites = tuple(
        Site(neuroid_id=name, electrode_id=1, reliability=0.8, mean_rate_hz=1.0, sigma_hz=1.0, site_index=number)
        for number, name in enumerate(names)
    )
    return SiteTable(simulated=False, day=0, sites=sites)


def test_sites_are_attacked_as_the_stage_plans_and_counted_as_the_evaluation_will() -> None:
    sites = table("a-1", "a-2", "b-1", "b-2")
    out = [
        line("exclude", after=noted([SITE], not_attacked_from=Block(3))),
        line("exclude", after=noted([ARRAY])),
        line("exclude", after=noted([SITE.model_copy(update={"name": "a-2", "part": "fit"})])),
    ]
    of_day = {day: sites_of_session(sites, 4, out, session=Block(day)) for day in (1, 2, 3)}
    assert of_day[1] == DaySites((0, 1, 2, 3), frozenset({1, 2, 3}))
    assert of_day[2] == DaySites((0, 1, 2, 3), frozenset({1}))
    assert of_day[3] == DaySites((1, 2, 3), frozenset({1}))
    taken_in = [*out, line("include", before=noted([SITE, ARRAY]))]
    assert sites_of_session(sites, 4, taken_in, session=Block(3)) == DaySites((0, 1, 2, 3), frozenset({0, 1, 2, 3}))
    assert sites_of_session(None, 4, out, session=Block(0)) == DaySites((0, 1, 2, 3), frozenset({0, 1, 2, 3}))


def test_what_was_left_out_is_told_of_the_day_and_of_those_before(tmp_path: Path) -> None:
    stretch = Exclusion(part="evaluation", thing="presentations", from_day=1, to_day=1, first=0, last=9)
    decided = [
        line("exclude", after=noted([SITE], not_attacked_from=Block(2))),
        line("exclude", after=noted([ARRAY])),
        line("exclude", after=noted([stretch, Exclusion(part="fit", thing="day", from_day=1, to_day=1)])),
        line("close_day", 0, after={JOURNAL: "0", "n_shown": "30", "n_not_shown": "70"}),
        line("skip_day", 3, after={"shown": "no"}),
        line(
            "amend_protocol",
            2,
            subject=("attack.repetitions",),  # type: ignore[arg-type]
            before={"attack.repetitions": "2"},
            after={"attack.repetitions": "3"},
        ),
    ]

    def told(day: int, *, is_amended: bool = True) -> ToldDecisions:
        return told_of(GateContext(StudyPaths(tmp_path), STUDY, USUAL, day), decided, is_amended=is_amended)

    assert told(0) == ToldDecisions(left_out=("site a-1: attacked, and not evaluated",))
    assert set(told(4).left_out) == {
        "site a-1: not attacked",
        "array b from day 2 on: attacked, and not evaluated",
        "presentations 0 to 9 of day 1: left out of the evaluation, nothing is concluded from it",
    }
    assert told(4).sessions == (
        "day 3: skipped by ada on 2026-03-02: noisy (it was not shown)",
        "day 0 ended early: 30 of 100 presentations were shown",
    )
    assert told(1).amended == ()
    assert told(2).amended == ("from day 2 on: attack.repetitions 2 -> 3",)
    assert told(2, is_amended=False).amended == ()


def test_a_day_itself_can_be_left_out(tmp_path: Path) -> None:
    decided = [line("exclude", after=noted([Exclusion(part="evaluation", thing="day", from_day=1, to_day=1)]))]
    (said,) = told_of(GateContext(StudyPaths(tmp_path), STUDY, USUAL, 1), decided, is_amended=True).left_out
    assert said == "day 1: it is left out of the evaluation; expected as if it counted"


def test_sites_that_do_not_count_cost_presentations_and_tell_nothing() -> None:
    every = design_day(USUAL, sites=range(N_SITES), day=2)
    some = design_day(USUAL, sites=range(N_SITES), day=2, counted={0, 5})
    assert some.presentations == every.presentations
    assert set(some.pairs("all").site_index.tolist()) == {0, 5}
    assert some.pairs("all").n_pairs * N_SITES == every.pairs("all").n_pairs * 2


@pytest.fixture(scope="module")
def past() -> Past:
    random = np.random.default_rng(6)
    subject = ToySubject.draw(random)
    days = tuple(subject.day(number, size, random).observed for number, size in enumerate((0.0, 0.4, 0.5)))
    return Past(days, SessionPace((), 0.2), tuple(range(N_SITES)), USUAL)


def test_growth_stands_on_the_sites_that_both_days_count(past: Past) -> None:
    def n_pairs(own: Past) -> int:
        (_, one) = make_plan(USUAL, own, PlannedFor(), day=3, hours=None).epsilons
        assert one.growth is not None
        return one.growth.n_pairs

    assert n_pairs(past) == 8 * N_SITES
    assert n_pairs(replace(past, counted=frozenset({0, 1, 2}))) == 8 * 3
    first = DaySites(tuple(range(N_SITES)), frozenset({2, 3, 4, 5}))
    assert n_pairs(replace(past, counted=frozenset({0, 1, 2}), first_sites=first)) == 8


def test_a_plan_tells_decisions_in_lines_and_numbers(past: Past) -> None:
    missed = NotShown(day=2, n_presentations=70, n_images=12, n_offered=10, n_pairs=30)
    told = ToldDecisions(("from day 3 on: x 1 -> 2",), ("site a-1: not attacked",), not_shown_before=missed)
    plan = make_plan(USUAL, replace(past, decisions=told, block=2), PlannedFor("m"), day=3, hours=None)
    text = "\n".join(plan_lines(plan))
    assert text.startswith("Day 3, session 2 of m, ")
    assert "Amended: from day 3 on: x 1 -> 2." in text
    assert "Left out: site a-1: not attacked." in text
    assert "of its 12 clean images that nobody saw 10 are among this day's" in text
    values = json.loads(json.dumps(plan.as_json(), allow_nan=False))
    assert values["block"] == 2
    assert values["decisions"]["not_shown_before"]["n_offered"] == 10
    assert "block" not in make_plan(USUAL, past, PlannedFor("m"), day=3, hours=None).as_json()


def test_sigma_is_as_sure_as_the_planned_clean_images_make_it(past: Past) -> None:
    short = replace(past.days[-1], n_clean=4, sigma_error=np.full(N_SITES, 9.0))  # of a session that ended early
    four_times = USUAL.model_copy(update={"images": USUAL.images.model_copy(update={"clean_per_day": 480})})
    own = replace(past, days=(*past.days[:-1], short))
    errors = [make_plan(protocol, own, PlannedFor(), day=3, hours=None).sigma_error for protocol in (USUAL, four_times)]
    assert errors[0] == pytest.approx(float(past.days[1].sigma_error.mean()))
    assert errors[1] == pytest.approx(errors[0] / 2)


def test_anchors_that_are_drawn_stay_in_every_alternative(past: Past) -> None:
    hours = 0.75 * make_plan(USUAL, past, PlannedFor(), day=3, hours=None).hours.expected
    for has_anchors in (False, True):
        plan = make_plan(USUAL, replace(past, has_anchors=has_anchors), PlannedFor(), day=3, hours=hours)
        assert any("images.anchors" in one.change for one in plan.alternatives) is not has_anchors


def test_an_alternative_is_told_as_a_file_that_amend_reads(past: Past) -> None:
    study = replace(past, has_anchors=True)
    hours = 0.75 * make_plan(USUAL, study, PlannedFor(), day=3, hours=None).hours.expected
    plan = make_plan(USUAL, study, PlannedFor(), day=3, hours=hours)
    assert any(len(one.change) > 1 for one in plan.alternatives)
    for one in plan.alternatives:
        assert values_by_key(yaml.safe_load(change_text(one)), place="here") == one.change
    lines = plan_lines(plan, to_amend="closedloop amend S FILE --from-day 3 --why TEXT")
    assert lines[-1].startswith("To take one, write its keys into a file, such as '")
    assert lines[-1].endswith("', and: closedloop amend S FILE --from-day 3 --why TEXT")
