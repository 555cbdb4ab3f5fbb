"""Boards at an address."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.equipment.microcontrollers import BOARDS, Socket
from tests.equipment.simulated_avr import Programs, build


@pytest.fixture(scope="session")
def programs(tmp_path_factory) -> Programs:
    return build(tmp_path_factory.mktemp("firmware"))


@pytest.fixture(params=BOARDS)
def bench(request, tmp_path):
    with ExitStack() as stack:
        yield Socket(request.param, tmp_path / "ttyACM0", lambda: request.getfixturevalue("programs"), stack)
