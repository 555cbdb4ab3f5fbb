"""Workers that cannot be had are refused before anything is made for them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from closedloop.errors import ExecutionError, OptionError
from closedloop.execution.found import find_workers
from closedloop.execution.workers import Workers
from tests.unit.messages import refused


def test_a_port_that_listens_is_taken_and_one_that_does_not_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        assert find_workers(address) == Workers("scheduler", address=address)
    with refused(ExecutionError, address, "expected a Dask scheduler, found none that answers"):
        find_workers(address)


def test_a_host_that_no_name_can_have_is_refused() -> None:
    with refused(ExecutionError, "tcp://", "expected a Dask scheduler"):
        find_workers(f"tcp://{'a' * 70}.invalid:8786")


def test_a_description_of_jobs_is_read(tmp_path: Path) -> None:
    file = tmp_path / "jobs.yaml"
    with refused(ExecutionError, file, "found none"):
        find_workers(f"slurm:{file}")
    file.write_text("jobs: 0\n")
    with refused(ExecutionError, file, "expected `jobs: N` with N of at least 1, found 0"):
        find_workers(f"slurm:{file}")
    file.write_text("jobs: 2\n")
    assert find_workers(f"slurm:{file}").kind == "slurm"


@pytest.mark.parametrize("text", ["0", "tcp://[::1"])
def test_what_is_not_understood_is_a_word_of_the_command_line(text: str) -> None:
    with refused(OptionError, f"--workers {text}"):
        find_workers(text)
