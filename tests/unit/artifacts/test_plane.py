"""The protocol's section on planes: off by default, counted wherever a day is counted, its power told beforehand."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from closedloop.artifacts.protocol.protocol import (
    Protocol,
    fresh_images_until,
    parse_protocol,
    presentations_of,
    presentations_per_day,
    protocol_sha256,
    read_protocol,
)
from closedloop.artifacts.protocol.rounds import planes_of_session, protocol_of_session
from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.errors import ProtocolError
from closedloop.planning.design import design_day
from closedloop.planning.plan import plan_of_protocol
from closedloop.planning.telling import plane_lines


def dry_run(**section: Any) -> Protocol:
    plain = yaml.safe_load(shipped_protocols()["dry_run"].read_text())
    return parse_protocol(yaml.safe_dump(plain | {"plane": section}).encode(), place="here")


def test_a_protocol_without_the_section_keeps_its_identity() -> None:
    shipped = read_protocol(shipped_protocols()["dry_run"])
    assert protocol_sha256(dry_run()) == protocol_sha256(shipped)
    assert presentations_of(shipped, 2) == presentations_of(dry_run(days=[3]), 2)


def test_the_shipped_protocol_shows_wide_planes_of_one_image_a_site() -> None:
    section = read_protocol(shipped_protocols()["response_geometry"]).plane
    assert (section.side, section.extent, section.repetitions) == (9, 30.0, 10)
    assert len(section.places) == 80
    assert section.places[0] == (-30.0, -30.0)
    assert section.places[-1] == (30.0, 30.0)
    assert (0.0, 0.0) not in section.places


def test_a_days_presentations_are_those_that_are_planned() -> None:
    protocol = dry_run(days=[2], n_sites=3, side=5, repetitions=4)
    more = presentations_of(protocol, 2) - presentations_of(dry_run(), 2)
    assert more == 3 * 25 * 4
    assert presentations_per_day(protocol) == presentations_of(protocol, 2)
    design = design_day(protocol, sites=range(21), day=2)
    assert design.n_presentations == presentations_of(protocol, 2) == design.rows.n_presentations
    assert design.presentations["planes of a few sites"] == more
    assert fresh_images_until(protocol, 3) == fresh_images_until(dry_run(), 3) + 3


def test_of_a_day_of_rounds_the_last_one_shows_them() -> None:
    protocol = dry_run(days=[1], n_sites=4).model_copy(update={"rounds": 2})
    assert [planes_of_session(protocol, day=1, number=number) for number in (1, 2)] == [0, 4]
    days = [protocol_of_session(protocol, day=1, number=number).plane.days for number in (1, 2)]
    assert days == [(), (1,)]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"days": [0]}, "plane.days: expected days from 1 on"),
        ({"days": [6]}, "plane.days: expected days below 6, found 6"),
        ({"days": [1], "n_sites": 22}, "plane.n_sites: expected at most sites.n_sites (21), found 22"),
        ({"days": [1], "extent": 0.5}, "plane.extent: expected 1 to 100"),
        ({"days": [1], "extent": 101.0}, "found 101"),
        ({"days": [1], "side": 8}, "plane.side: expected an odd number"),
        ({"days": [1], "n_sites": 21, "repetitions": 100}, "trial.hours_per_day"),
    ],
)
def test_what_cannot_be_is_refused(section: dict[str, Any], said: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        dry_run(**section)
    told = str(refused.value).replace(" -> ", ".")
    assert said in told or said.replace("plane.", "plane: ") in told


def test_the_plan_states_error_and_power_beforehand_and_a_wider_plane_has_more() -> None:
    told = {}
    for extent in (10.0, 30.0):
        plan = plan_of_protocol(dry_run(days=[2], extent=extent), day=2, hours=None)
        assert plan.planes is not None
        told[extent] = plan.planes
        (line,) = plane_lines(plan)
        assert "standard error" in line
        assert "hypothesis" in line
    # images fall shorter of a wider plane's sides; a curvature is still surer, by less than the square of the extent
    assert 1.15 < told[30.0].edge_error / told[10.0].edge_error < 1.4
    assert 9 / 1.4 < told[10.0].curvature_error / told[30.0].curvature_error < 9 / 1.15
    assert "planes" not in plan_of_protocol(dry_run(), day=2, hours=None).as_json()
    assert plane_lines(plan_of_protocol(dry_run(), day=2, hours=None)) == []


def test_the_plan_says_how_far_the_bytes_reach() -> None:
    plan = plan_of_protocol(dry_run(days=[2], extent=30.0), day=2, hours=None)
    assert plan.planes is not None
    assert 24 < plan.planes.reach_across < plan.planes.reach_along < 28
    assert 7 < plan.planes.beside < 14
    (line,) = plane_lines(plan)
    assert f"reach some {plan.planes.reach_along:.1f} along and {plan.planes.reach_across:.1f} across" in line
    assert "extrapolated" in line


def test_more_repetitions_make_the_bend_surer() -> None:
    plans = [plan_of_protocol(dry_run(days=[2], repetitions=n), day=2, hours=None).planes for n in (5, 20)]
    few, many = plans
    assert few is not None
    assert many is not None
    assert few.edge_error == pytest.approx(2 * many.edge_error)
    assert all(many.power[bend] >= few.power[bend] for bend in few.power)
