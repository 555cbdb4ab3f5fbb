"""Who can talk to a Dask scheduler runs code as the one who started it: other accounts of the machine cannot."""

from __future__ import annotations

import os
import stat
import tempfile
from functools import partial
from pathlib import Path

import psutil
import pytest

from closedloop.execution.run import run_pieces
from closedloop.execution.workers import Workers
from tests.unit.execution.pieces import finished, leave
from tests.unit.execution.stranger import listening, what_answers

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("account", ["nobody", "self"])
def test_nobody_else_runs_or_reads_anything_through_the_workers(tmp_path: Path, account: str) -> None:
    """Neither another account nor this one without the certificates; scheduler, workers, nannies and pages alike."""
    if account == "nobody" and os.geteuid() != 0:
        pytest.skip("only root can act as another account")
    answers: list[str] = []
    before = listening(psutil.Process())

    def try_the_door(n_done: int) -> None:
        if n_done == 1:
            ports = {port for _address, port in listening(psutil.Process()) - before}
            assert len(ports) >= 5  # the scheduler, two workers and their two nannies
            answers.extend(what_answers(account, ports))

    run_pieces([partial(leave, tmp_path, name) for name in range(3)], Workers("dask", 2), try_the_door)
    assert answers == []
    assert finished(tmp_path) == [0, 1, 2]


def test_workers_listen_to_this_machine_alone(tmp_path: Path) -> None:
    places: set[tuple[str, int]] = set()
    before = listening(psutil.Process())
    run_pieces(
        [partial(leave, tmp_path, name) for name in range(3)],
        Workers("dask", 2),
        lambda _n_done: places.update(listening(psutil.Process()) - before),
    )
    assert {address for address, _port in places} == {"127.0.0.1"}


def test_what_workers_leave_on_the_disk_is_for_this_account_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a folder for what is temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    modes: dict[str, int] = {}

    def look(_n_done: int) -> None:
        modes.update({path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()})

    before = os.umask(0)
    try:
        run_pieces([partial(leave, tmp_path, name) for name in range(3)], Workers("dask", 2), look)
    finally:
        os.umask(before)
    assert modes
    assert {name: mode for name, mode in modes.items() if mode & 0o077} == {}
    assert list(folder.iterdir()) == []
