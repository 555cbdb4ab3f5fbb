"""Rounds: what of a day's images each of its sessions shows, and that a protocol without them is what it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from closedloop.artifacts.protocol.protocol import (
    Protocol,
    attacked_per_day,
    controls_per_day,
    parse_protocol,
    presentations_of,
    protocol_sha256,
    read_protocol,
)
from closedloop.artifacts.protocol.rounds import clean_of_session, protocol_of_session
from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.artifacts.records.sequence import Block, BlockSequence
from closedloop.errors import ProtocolError

DRY_RUN = read_protocol(shipped_protocols()["dry_run"])


def cut(rounds: int, *, fresh: int = 4) -> Protocol:
    attack = DRY_RUN.attack.model_copy(update={"fresh_images_per_site": fresh})
    return DRY_RUN.model_copy(update={"rounds": rounds, "attack": attack})


def of_day(protocol: Protocol) -> list[Protocol]:
    return [protocol_of_session(protocol, day=1, number=number) for number in range(1, protocol.rounds + 1)]


@pytest.mark.parametrize("rounds", [1, 2, 3, 7])
def test_the_rounds_of_a_day_show_together_what_the_day_shows(rounds: int) -> None:
    protocol, whole = cut(rounds), cut(1)
    sessions = of_day(protocol)
    assert sum(one.images.clean_per_day for one in sessions) == whole.images.clean_per_day
    assert sum(one.probes.singles for one in sessions) == whole.probes.singles
    assert sum(one.probes.n_made for one in sessions) == whole.probes.n_made
    assert sum(attacked_per_day(one) for one in sessions) == attacked_per_day(whole)
    assert sum(controls_per_day(one) for one in sessions) == controls_per_day(whole)
    assert sum(presentations_of(one, 1) for one in sessions) == presentations_of(protocol, 1)
    assert presentations_of(protocol, 1) == presentations_of(whole, 1) + (rounds - 1) * 25 * 4


def test_anchors_and_controls_are_in_the_last_round_and_normalizers_in_each() -> None:
    sessions = of_day(cut(3))
    assert [one.images.anchors for one in sessions] == [0, 0, 84]
    assert [one.attack.anchors_per_site for one in sessions] == [0, 0, DRY_RUN.attack.anchors_per_site]
    assert [one.controls.n_images for one in sessions] == [0, 0, 16]
    assert [one.images.normalizers for one in sessions] == [25, 25, 25]
    assert [one.attack.fresh_images_per_site for one in sessions] == [2, 1, 1]


def test_a_session_that_was_added_shows_as_much_as_the_last_round() -> None:
    protocol = cut(3)
    assert protocol_of_session(protocol, day=1, number=4) == protocol_of_session(protocol, day=1, number=3)
    assert clean_of_session(protocol, day=1, number=4) == 33


def test_day_0_has_no_rounds() -> None:
    protocol = cut(3)
    assert protocol_of_session(protocol, day=0, number=1) is protocol
    assert BlockSequence(rounds=3).blocks(2) == (Block(0), Block(1), Block(1, 2), Block(1, 3))


def test_every_session_of_a_protocol_without_rounds_is_the_whole_day() -> None:
    assert protocol_of_session(DRY_RUN, day=3, number=2) is DRY_RUN


def test_a_round_that_was_dropped_is_none_and_one_that_was_added_comes_after_them() -> None:
    sequence = replace(BlockSequence(rounds=2), dropped=frozenset({Block(1, 2)}), added=frozenset({Block(2, 3)}))
    assert sequence.blocks(3) == (Block(0), Block(1), Block(2), Block(2, 2), Block(2, 3))
    assert sequence.before(Block(2)) == Block(1)
    assert sequence.shows_images_of(Block(1)) == Block(2)


def test_a_protocol_of_one_round_has_the_hash_of_one_without_rounds() -> None:
    content = shipped_protocols()["dry_run"].read_bytes()
    whole = parse_protocol(content, place="a")
    said = parse_protocol(content + b"rounds: 1\n", place="a")
    assert protocol_sha256(said) == protocol_sha256(whole)
    assert protocol_sha256(parse_protocol(content + b"rounds: 2\n", place="a")) != protocol_sha256(whole)


@pytest.mark.parametrize(
    ("edits", "fault"),
    [
        (
            {"clean_per_day: 100": "clean_per_day: 5"},
            "at most 2",
        ),
        (
            {
                f"anchors_per_site: {DRY_RUN.attack.anchors_per_site}": "anchors_per_site: 0",
                "fresh_images_per_site: 1": "fresh_images_per_site: 2",
            },
            "at most",
        ),
        ({"hours_per_day: 5.0": "hours_per_day: 0.1"}, "expected a day that fits"),
    ],
)
def test_rounds_that_cannot_be_are_refused(edits: dict[str, str], fault: str) -> None:
    text = shipped_protocols()["dry_run"].read_text() + "rounds: 3\n"
    for old, new in edits.items():
        assert old in text
        text = text.replace(old, new)
    with pytest.raises(ProtocolError, match=fault):
        parse_protocol(text.encode(), place="a")
