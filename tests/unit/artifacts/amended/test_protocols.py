"""The protocol of a day follows from protocol.yaml and the lines that are in force, and from nothing else."""

from __future__ import annotations

import json

import pytest

from closedloop.artifacts.amended.protocols import hashes_by_day, protocol_hashes, protocol_of_day, said
from closedloop.artifacts.amended.standing import standing, withdrawals
from closedloop.artifacts.protocol.protocol import protocol_sha256, read_protocol
from closedloop.artifacts.records.amendments import Amendment
from closedloop.errors import ProtocolError
from tests.unit.days import SMOKE

PROTOCOL = read_protocol(SMOKE)


def line(day: int, **values: object) -> Amendment:
    """Return an amendment of keys, `__` for the dot."""
    after = {name.replace("__", "."): json.dumps(value) for name, value in values.items()}
    said = {"kind": "amend_protocol", "simulated": False, "utc": "2026-12-01T09:00:00+00:00", "who": "ada", "why": "so"}
    return Amendment.model_validate(
        said | {"day": day, "subject": tuple(after), "before": dict.fromkeys(after, "1"), "after": after}
    )


def withdrawal(number: int) -> Amendment:
    return line(0).model_copy(update={"kind": "withdraw", "subject": (str(number), "amend_protocol")})


def epsilons(amendments: list[Amendment]) -> list[tuple[float, ...]]:
    return [protocol_of_day(PROTOCOL, amendments, day).attack.epsilons for day in range(-1, 5)]


def test_days_before_an_amendment_keep_the_protocol_itself() -> None:
    amendments = [line(3, attack__epsilons=[1.0, 10.0])]
    for day in (-1, 0, 2):
        assert protocol_of_day(PROTOCOL, amendments, day) is PROTOCOL
    assert epsilons(amendments)[4:] == [(1.0, 10.0)] * 2


def test_of_two_lines_the_later_one_counts_where_both_hold() -> None:
    amendments = [line(3, attack__epsilons=[1.0]), line(2, attack__epsilons=[2.0]), line(4, trial__reward_ms=90.0)]
    assert epsilons(amendments) == [(2.5, 10.0)] * 3 + [(2.0,)] * 3
    assert [protocol_of_day(PROTOCOL, amendments, day).trial.reward_ms for day in (3, 4)] == [120.0, 90.0]


def test_a_line_of_the_first_day_counts_for_the_study_s_start() -> None:
    assert epsilons([line(0, attack__epsilons=[1.0])]) == [(1.0,)] * 6


def test_a_line_that_was_taken_back_counts_no_more() -> None:
    amendments = [line(1, attack__epsilons=[1.0]), line(2, attack__epsilons=[2.0]), withdrawal(1)]
    assert standing(amendments) == (amendments[1],)
    assert withdrawals(amendments) == {1: amendments[2]}
    assert epsilons(amendments)[1:4] == [(2.5, 10.0), (2.5, 10.0), (2.0,)]
    assert protocol_of_day(PROTOCOL, [*amendments, withdrawal(2)], 4) is PROTOCOL


def test_a_nested_key_leaves_its_neighbours() -> None:
    amended = protocol_of_day(PROTOCOL, [line(1, gates__hours__hold=1.5)], 1)
    assert (amended.gates.hours.warn, amended.gates.hours.hold) == (1.0, 1.5)
    assert amended.gates.disk == PROTOCOL.gates.disk


def test_what_the_protocol_no_longer_allows_is_refused_by_day() -> None:
    amendments = [line(2, attack__fresh_images_per_site=30)]
    fewer = PROTOCOL.model_copy(update={"images": PROTOCOL.images.model_copy(update={"clean_per_day": 20})})
    with pytest.raises(ProtocolError, match=r"amendments\.jsonl, day 2: .*fresh_images_per_site"):
        protocol_of_day(fewer, amendments, 2)


def test_the_hashes_of_days_are_those_of_their_protocols() -> None:
    amendments = [line(1, trial__reward_ms=90.0), line(3, trial__reward_ms=120.0)]
    found = hashes_by_day(PROTOCOL, amendments)
    assert list(found) == ["protocol_sha256 from day 1", "protocol_sha256 from day 3"]
    assert found["protocol_sha256 from day 3"] == protocol_sha256(PROTOCOL) != found["protocol_sha256 from day 1"]
    noted = amendments[0].model_copy(update={"after": amendments[0].after | found})
    assert protocol_hashes([noted, withdrawal(1)]) == tuple(found.values())


def test_it_is_said_in_words() -> None:
    assert said(line(3, attack__epsilons=[1.0])) == "from day 3 on: attack.epsilons 1 -> [1.0]"
