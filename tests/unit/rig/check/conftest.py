"""A rig's description to be checked."""

from __future__ import annotations

import pytest

from tests.unit.rig.check.asked import WIRED


@pytest.fixture
def write_rig(tmp_path):
    """Write a rig's description, with changes of its text."""

    def write(*changes):
        text = WIRED
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "rig.yaml"
        path.write_text(text)
        return path

    return write
