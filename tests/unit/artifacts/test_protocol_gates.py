"""Limits of gates in a protocol: what cannot be meant, and who keeps their identity."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from closedloop.artifacts.protocol.gates import Gates
from closedloop.artifacts.protocol.protocol import parse_protocol, protocol_sha256, read_protocol
from closedloop.errors import ProtocolError
from tests.unit.days import SMOKE
from tests.unit.messages import refused

PROTOCOLS = Path(__file__).parents[3] / "protocols"


def parsed(**gates: object):
    plain = yaml.safe_load(SMOKE.read_text()) | {"gates": gates}
    return parse_protocol(yaml.safe_dump(plain).encode(), place="here.yaml")


@pytest.mark.parametrize("name", ["dry_run", "guo2022"])
def test_the_shipped_protocols_write_every_limit_out_and_keep_their_identity(name: str) -> None:
    path = PROTOCOLS / f"{name}.yaml"
    protocol = read_protocol(path)
    assert protocol.gates.model_fields_set == set(Gates.model_fields)
    plain = yaml.safe_load(path.read_text())
    del plain["gates"]
    older = parse_protocol(yaml.safe_dump(plain).encode(), place="older")
    assert protocol_sha256(protocol) == protocol_sha256(older)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"hours": {"warn": 1.3, "hold": 1.2}}, "expected to warn at or below 1.2, where it holds, found warn 1.3"),
        ({"site_yield": {"warn": 0.4, "hold": 0.5}}, "expected to warn at or above 0.5, where it holds"),
        ({"hours": {"warn": 1.3}}, "gates.hours.hold: expected"),
        ({"hour": {"warn": 1, "hold": 1}}, "gates.hour"),
        ({"simulated": "maybe"}, "gates.simulated"),
    ],
)
def test_limits_that_cannot_be_meant_are_refused(limits: dict[str, object], said: str) -> None:
    with refused(ProtocolError, "here.yaml", said):
        parsed(**limits)


def test_null_is_never() -> None:
    assert parsed(hours={"warn": None, "hold": None}).gates.hours.hold is None
