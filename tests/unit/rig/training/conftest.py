"""A runtime folder of a test's own, where rigs are found by who asks them."""

from __future__ import annotations

import pytest


@pytest.fixture
def own_runtime(tmp_path, monkeypatch):
    folder = tmp_path / "runtime"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
