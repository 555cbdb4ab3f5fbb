"""A session to be paused, and to be ended."""

from __future__ import annotations

import pytest

from rig.session.folder import open_session
from tests.unit.rig.machine.operated import Bench


@pytest.fixture
def bench(make_session, tmp_path):
    return Bench(open_session(make_session(n_presentations=6)), tmp_path / "present")
