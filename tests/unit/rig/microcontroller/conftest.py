"""Boards at an address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.equipment.microcontrollers import BOARDS, Socket
from tests.equipment.simulated_avr import Programs, build


@pytest.fixture(scope="session")
def programs(tmp_path_factory) -> Programs:
    return build(tmp_path_factory.mktemp("firmware"))


def socket(request, tmp_path) -> Iterator[Socket]:
    with ExitStack() as stack:
        yield Socket(request.param, tmp_path / "ttyACM0", lambda: request.getfixturevalue("programs"), stack)


@pytest.fixture(params=BOARDS)
def bench(request, tmp_path) -> Iterator[Socket]:
    yield from socket(request, tmp_path)


@pytest.fixture(params=BOARDS[1:])
def chip_bench(request, tmp_path) -> Iterator[Socket]:
    """One with the real firmware: it refuses damage, and has a watchdog."""
    yield from socket(request, tmp_path)
