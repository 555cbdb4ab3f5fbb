"""A rig to be measured."""

from __future__ import annotations

import pytest

from closedloop.artifacts.rig.description import RigDocument
from closedloop.artifacts.rig.template import EXAMPLE


@pytest.fixture
def rig_document() -> RigDocument:
    return EXAMPLE
