"""The protocol's list of objectives: empty by default, counted wherever a day is counted, checked."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml

from closedloop.artifacts.protocol.objectives.stated import StatedObjective
from closedloop.artifacts.protocol.protocol import (
    Protocol,
    parse_protocol,
    presentations_of,
    protocol_sha256,
    read_protocol,
)
from closedloop.artifacts.protocol.rounds import protocol_of_session
from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.errors import ProtocolError
from closedloop.planning.design import design_day

LEVEL = {"name": "level", "kind": "level", "n_sites": 3, "n_images": 2, "targets": [-1.0, 0.0, 2.5], "repetitions": 4}


def dry_run(*objectives: dict[str, Any]) -> Protocol:
    plain = yaml.safe_load(shipped_protocols()["dry_run"].read_text())
    return parse_protocol(yaml.safe_dump(plain | {"objectives": list(objectives)}).encode(), place="here")


def test_a_protocol_without_objectives_keeps_its_identity() -> None:
    shipped = read_protocol(shipped_protocols()["dry_run"])
    assert protocol_sha256(dry_run()) == protocol_sha256(shipped)
    assert protocol_sha256(dry_run(LEVEL)) != protocol_sha256(shipped)


def test_the_shipped_protocol_has_each_kind_and_a_level_by_two_gradients() -> None:
    protocol = read_protocol(shipped_protocols()["objectives"])
    assert {one.kind for one in protocol.objectives} == {"level", "controversial", "population", "maximise"}
    by_name = {one.name: one for one in protocol.objectives}
    level, plain = (by_name[name].model_copy(update={"name": ""}) for name in ("level", "level_plain"))
    assert level.gradient != plain.gradient
    assert level == plain.model_copy(update={"gradient": level.gradient})


def test_a_days_presentations_are_those_that_are_planned() -> None:
    apart = {"name": "apart", "kind": "controversial", "n_sites": 5, "n_images": 3}
    most = {"name": "most", "kind": "maximise", "n_sites": 4, "ball": "none"}
    stretch = {"name": "all_up", "kind": "population", "n_images": 7, "first_day": 2}
    protocol = dry_run(LEVEL, apart, most, stretch)
    more = [presentations_of(protocol, day) - presentations_of(dry_run(), day) for day in range(3)]
    first = 3 * 2 * 3 * 4 + 5 * 3 * 2 + 4 * 2
    assert more == [0, first, first + 7 * 2]
    design = design_day(protocol, sites=range(21), day=2)
    assert design.n_presentations == presentations_of(protocol, 2)
    assert design.presentations["objectives"] == more[2]


def test_of_a_day_of_rounds_the_last_one_shows_them() -> None:
    protocol = dry_run(LEVEL).model_copy(update={"rounds": 2})
    assert [len(protocol_of_session(protocol, day=1, number=number).objectives) for number in (1, 2)] == [0, 1]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"targets": []}, "expected some for level"),
        ({"kind": "controversial"}, "expected none for level"),
        ({"kind": "controversial", "targets": [], "members": [0, 9]}, "expected members from 0 to"),
        ({"kind": "maximise", "targets": []}, "expected none for maximise"),
        ({"kind": "population", "targets": [], "ball": "none"}, "expected l2 or linf for population"),
        ({"ball": "linf", "epsilon": 10.0}, "expected at most 1 for linf"),
        ({"targets": [1.0, 1.0]}, "each value once"),
        ({"first_day": 0}, "expected 1 or later"),
        ({"n_images": 1000}, "at most images.anchors"),
        ({"n_sites": 1000}, "at most sites.n_sites"),
        ({"kind": "population", "pattern": "pattern", "targets": [0.5] * 22}, "at most one a site"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line_that_names_it(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ProtocolError, match=said):
        dry_run(LEVEL | changed)


def test_two_objectives_of_one_name_are_refused() -> None:
    with pytest.raises(ProtocolError, match="expected each name once, found level more than once"):
        dry_run(LEVEL, LEVEL)


def test_a_change_is_bounded_by_its_ball_or_by_black_and_white() -> None:
    def widest(**values: Any) -> float:
        return StatedObjective(**(LEVEL | values)).widest_epsilon

    whole = math.sqrt(224 * 224 * 3)  # from black to white
    assert widest(epsilon=30.0) == 30.0
    assert widest(ball="linf", epsilon=0.1) == pytest.approx(0.1 * whole)
    assert widest(ball="none") == pytest.approx(whole)
