"""The protocol's section on single images: off by default, and counted wherever a day is counted."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from closedloop.artifacts.protocol.image_sensitivity import ImageSensitivity
from closedloop.artifacts.protocol.protocol import (
    Protocol,
    fresh_images_until,
    parse_protocol,
    presentations_of,
    presentations_per_day,
    protocol_sha256,
    read_protocol,
)
from closedloop.artifacts.protocol.rounds import protocol_of_session, repeated_of_session
from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.errors import ProtocolError
from closedloop.planning.design import design_day


def dry_run(**section: Any) -> Protocol:
    plain = yaml.safe_load(shipped_protocols()["dry_run"].read_text())
    return parse_protocol(yaml.safe_dump(plain | {"image_sensitivity": section}).encode(), place="here")


def test_a_protocol_without_the_section_keeps_its_identity() -> None:
    shipped = read_protocol(shipped_protocols()["dry_run"])
    assert protocol_sha256(dry_run()) == protocol_sha256(shipped)
    assert "image_sensitivity" not in shipped.model_dump(exclude_defaults=True)
    assert presentations_of(shipped, 2) == presentations_of(dry_run(days=[3]), 2)


def test_the_shipped_experiment_has_the_papers_numbers() -> None:
    section = read_protocol(shipped_protocols()["image_sensitivity"]).image_sensitivity
    assert (section.n_sites, section.n_images, section.repetitions) == (3, 100, 10)


def test_a_days_presentations_are_those_that_are_planned() -> None:
    protocol = dry_run(days=[2], n_sites=3, n_images=7, repetitions=4, epsilons=[1.0, 10.0])
    more = presentations_of(protocol, 2) - presentations_of(dry_run(), 2)
    assert more == 4 * (7 + 7 * 3 * 2)
    assert presentations_per_day(protocol) == presentations_of(protocol, 2)
    design = design_day(protocol, sites=range(21), day=2)
    assert design.n_presentations == presentations_of(protocol, 2)
    assert design.presentations["single images of a few sites"] == more
    assert design.rows.n_presentations == presentations_of(protocol, 2)
    assert fresh_images_until(protocol, 3) == fresh_images_until(dry_run(), 3) + 7


def test_of_a_day_of_rounds_the_last_one_shows_them() -> None:
    protocol = dry_run(days=[1], n_images=8).model_copy(update={"rounds": 2})
    assert [repeated_of_session(protocol, day=1, number=number) for number in (1, 2)] == [0, 8]
    days = [protocol_of_session(protocol, day=1, number=number).image_sensitivity.days for number in (1, 2)]
    assert days == [(), (1,)]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"days": [0]}, "image_sensitivity.days: expected days from 1 on"),
        ({"days": [6]}, "image_sensitivity.days: expected days below 6, found 6"),
        ({"days": [1], "n_sites": 22}, "image_sensitivity.n_sites: expected at most sites.n_sites (21), found 22"),
        ({"days": [1], "epsilons": [10.0, 1.0]}, "image_sensitivity.epsilons: expected ascending values"),
        ({"days": [1], "n_images": 4000}, "trial.hours_per_day"),
    ],
)
def test_what_cannot_be_is_refused(section: dict[str, Any], said: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        dry_run(**section)
    assert said in str(refused.value).replace(" -> ", ".")


def test_without_epsilons_of_its_own_it_takes_the_attacks() -> None:
    section = ImageSensitivity(days=(1,), n_images=5, n_sites=2)
    assert section.attacks_of(1, epsilons=(1.0, 2.5, 10.0), n_sites=21) == 30
    assert section.attacks_of(2, epsilons=(1.0, 2.5, 10.0), n_sites=21) == 0
    assert section.attacks_of(1, epsilons=(1.0,), n_sites=1) == 5
