"""What the contracts are tried with: the compiled firmware."""

from __future__ import annotations

import pytest

from tests.equipment.simulated_avr import Programs, build


@pytest.fixture(scope="session")
def programs(tmp_path_factory) -> Programs:
    return build(tmp_path_factory.mktemp("firmware"))
