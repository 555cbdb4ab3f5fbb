"""The networks of a new study: each is what the protocol says, or it is refused by its section."""

from __future__ import annotations

from typing import Any

import pytest

from closedloop.artifacts.protocol.images import BaseModelChoice
from closedloop.errors import CheckpointError, ProtocolError
from closedloop.study.foresight.weights import find_base_model
from tests.unit.days import protocol
from tests.unit.messages import refused

SMOOTH = {"architecture": "small_smooth", "layer": "layer3.0", "weights": "small_smooth_robust"}


def found_with(**member: Any) -> str:
    made = protocol().model_copy(update={"ensemble": (BaseModelChoice(**SMOOTH), BaseModelChoice(**(SMOOTH | member)))})
    return find_base_model(made, None, place="mine.yaml")


def test_members_that_are_what_is_said_of_them_are_taken() -> None:
    assert found_with() == protocol().base_model.weights


@pytest.mark.parametrize(
    ("member", "error", "words"),
    [
        (
            {"weights": "small_plain_robust"},
            CheckpointError,
            ("ensemble member 2, weights small_plain_robust: expected weights of small_smooth", "found small_plain"),
        ),
        ({"layer": "layer9"}, ProtocolError, ("mine.yaml, ensemble member 2", "layer9")),
        ({"weights": "nowhere"}, CheckpointError, ("mine.yaml, ensemble member 2: expected weights", "nowhere")),
    ],
)
def test_a_member_that_is_not_is_refused_by_its_number(
    member: dict[str, str], error: type[Exception], words: tuple[str, ...]
) -> None:
    with refused(error, *words):
        found_with(**member)
