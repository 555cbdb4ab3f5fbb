from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.errors import StudyBusyError
from closedloop.study.process.lock import holder_of, study_lock


@pytest.mark.parametrize("damaged", [b"\xff\xfe", b"", b"x" * 1_000_000])
def test_who_holds_a_study_may_be_damaged(tmp_path: Path, damaged: bytes) -> None:
    with study_lock(tmp_path):
        (tmp_path / ".loop.lock").write_bytes(damaged)
        holder = holder_of(tmp_path)
        assert holder is not None
        assert len(str(holder)) < 1000
        with pytest.raises(StudyBusyError, match="expected no other loop"), study_lock(tmp_path):
            pass
    assert holder_of(tmp_path) is None
