"""The protocol's section on evolving images: what cannot be is refused in a line, and what it costs is counted."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from closedloop.artifacts.protocol.protocol import Protocol, presentations_of, protocol_sha256, read_protocol
from closedloop.artifacts.protocol.rounds import protocol_of_session
from closedloop.artifacts.protocol.shipped import shipped_protocols

DRY_RUN = read_protocol(shipped_protocols()["dry_run"])


def with_evolution(*, rounds: int = 1, **section: Any) -> Protocol:
    plain = DRY_RUN.model_dump(mode="json")
    evolution = {"n_sites": 3, "images": 20, "compared": 7, **section}
    return Protocol.model_validate(plain | {"rounds": rounds, "evolution": evolution})


def test_what_a_protocol_without_it_says_is_what_it_said_before() -> None:
    plain = DRY_RUN.model_dump(mode="json", exclude={"evolution": True, "fit": {"in_rounds"}})
    assert protocol_sha256(Protocol.model_validate(plain)) == protocol_sha256(DRY_RUN)
    written = DRY_RUN.model_dump_json(exclude_defaults=True)
    assert "evolution" not in written
    assert "in_rounds" not in written


@pytest.mark.parametrize("rounds", [1, 4])
def test_every_round_has_a_generation_and_the_last_one_compares(rounds: int) -> None:
    protocol = with_evolution(rounds=rounds, repetitions=2)
    without = protocol.model_copy(update={"evolution": DRY_RUN.evolution})
    assert presentations_of(protocol, 0) == presentations_of(without, 0)
    assert presentations_of(protocol, 1) - presentations_of(without, 1) == rounds * 3 * 20 * 2 + 3 * 2 * 7
    sessions = [protocol_of_session(protocol, day=1, number=number) for number in range(1, rounds + 1)]
    assert [one.evolution.n_shown(1) for one in sessions] == [60] * (rounds - 1) + [66]
    assert sum(presentations_of(one, 1) for one in sessions) == presentations_of(protocol, 1)


def test_before_its_first_day_there_is_none() -> None:
    section = with_evolution(first_day=2).evolution
    assert [section.n_shown(day) for day in (0, 1, 2)] == [0, 0, 66]
    assert section.presentations_of(1, rounds=3) == 0


def test_the_shipped_protocol_has_twelve_sites_and_a_cortex_with_headroom() -> None:
    shipped = read_protocol(shipped_protocols()["evolution"])
    assert shipped.evolution.n_sites >= 12
    assert shipped.simulation.headroom
    assert shipped.fit.in_rounds == "last"


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"n_sites": 1_000}, r"evolution.n_sites: expected at most sites.n_sites \(\d+\), found 1000. Lower it"),
        ({"parents": 9_999}, r"evolution.parents: expected at most images.clean_per_day \(\d+\), found 9999"),
        ({"first_day": 0}, "first_day: expected 1 or later"),
        ({"images": 3}, "greater than or equal to 4"),
        ({"step_size": 0.0}, "greater than or equal to"),
        ({"code": "gan"}, "'pca' or 'dct'"),
    ],
)
def test_what_cannot_be_is_refused(section: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        with_evolution(**section)
