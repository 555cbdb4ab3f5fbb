"""Who does the work: as a user says it, and that all do the same."""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path

import pytest

from closedloop.errors import ClosedLoopError, ExecutionError, ImageError, OptionError
from closedloop.execution.dask import run_on_dask
from closedloop.execution.run import run_pieces
from closedloop.execution.shards import made_once, shard_name
from closedloop.execution.slurm_file import read_slurm_file
from closedloop.execution.workers import HERE, Workers, parse_workers
from closedloop.plain_text.installing import install_command
from closedloop.terminal.store_option import with_store
from tests.unit.execution.pieces import fail, finished, leave

INSTALL = re.escape(install_command("cluster"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", Workers("local", 1)),
        ("12", Workers("local", 12)),
        ("local:3", Workers("local", 3)),
        ("dask:2", Workers("dask", 2)),
        ("tcp://10.0.0.7:8786", Workers("scheduler", address="tcp://10.0.0.7:8786")),
        ("tls://head:8786", Workers("scheduler", address="tls://head:8786")),
        ("slurm:jobs.yaml", Workers("slurm", address="jobs.yaml")),
    ],
)
def test_workers_are_understood(text: str, expected: Workers) -> None:
    assert parse_workers(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "-1", "local:", "local:0", "dask:x", "tcp://", "tcp://host", "http://host:1", "slurm:", "4 5"),
        *("tcp://[::1", "tcp://[::1:8786", "tcp://::1:8786", "tcp://host:0", "tcp://host:65536", "tcp://a b:1"),
    ],
)
def test_what_is_not_understood_is_one_line_with_the_forms(text: str) -> None:
    with pytest.raises(OptionError, match=r"expected N or local:N .* slurm:FILE, found none") as caught:
        parse_workers(text)
    assert "\n" not in str(caught.value)


def test_this_process_does_the_work_when_one_is_asked_for(tmp_path: Path) -> None:
    told: list[int] = []
    run_pieces([partial(leave, tmp_path, name) for name in range(3)], HERE, told.append)
    assert finished(tmp_path) == [0, 1, 2]
    assert told == [1, 2, 3]
    assert (tmp_path / "0").read_text() == str(os.getpid())
    with pytest.raises(ImageError, match="found a dog"):
        run_pieces([fail], HERE)


@pytest.mark.parametrize("store", ["s3://bucket/prefix", "file:///mnt/a,b", "simplecache::s3://bucket", "memory://x"])
def test_a_store_is_a_clusters_alone(store: str) -> None:
    assert parse_workers(with_store("tcp://head:8786", store)) == Workers(
        "scheduler", address="tcp://head:8786", store=store
    )
    assert parse_workers(with_store("dask:2", store)) == Workers("dask", 2, store=store)
    assert parse_workers(with_store("slurm:a,b.yaml", store)) == Workers("slurm", address="a,b.yaml", store=store)
    assert parse_workers(with_store("4", store)) == Workers("local", 4)
    assert with_store(None, store) is None
    assert with_store("dask:2", None) == "dask:2"


@pytest.mark.parametrize("store", ["bucket/prefix", "/mnt/store", "s3:bucket", "", "s3://a bucket"])
def test_a_store_that_is_no_address_is_one_line(store: str) -> None:
    with pytest.raises(OptionError, match=f"^--store {re.escape(store)}: expected an address like s3://") as caught:
        with_store("dask:2", store)
    assert "\n" not in str(caught.value)


def test_a_shard_is_made_once_and_stands_whole_or_not_at_all(tmp_path: Path) -> None:
    path, made = tmp_path / "parts" / "shard", []

    def make(temporary: Path) -> None:
        made.append(temporary)
        temporary.write_text("done")

    def stop(temporary: Path) -> None:
        temporary.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made_once(path, stop)
    assert list(path.parent.iterdir()) == []
    made_once(path, make)
    made_once(path, make)
    assert path.read_text() == "done"
    assert len(made) == 1


def test_a_shard_s_name_tells_its_inputs_apart() -> None:
    names = {
        shard_name(*inputs)
        for inputs in ((), (1,), ("1",), (b"1",), (1, 1), (11,), ("a", "b"), ("ab",), ("a", "b", ""), (1.0,))
    }
    assert len(names) == 10
    assert shard_name("a", 1) == shard_name("a", 1)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "expected a YAML file with `jobs: N`"),
        ("jobs: [", "line 1: expected YAML, found"),
        ("- 4", "found a list. Give `jobs: N`"),
        ("queue: short", "N of at least 1, found None"),
        ("jobs: 0", "N of at least 1, found 0"),
        ("jobs: yes", "N of at least 1, found True"),
    ],
)
def test_a_wrong_description_of_slurm_jobs_is_one_line(tmp_path: Path, text: str | None, problem: str) -> None:
    file = tmp_path / "jobs.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ExecutionError, match=problem) as caught:
        run_on_dask([], Workers("slurm", address=str(file)), None)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_description_of_slurm_jobs_is_read(tmp_path: Path) -> None:
    file = tmp_path / "jobs.yaml"
    file.write_text("jobs: 8\nqueue: short\ncores: 1\nmemory: 4GB\n")
    assert read_slurm_file(file) == (8, {"queue": "short", "cores": 1, "memory": "4GB"})


def test_a_missing_package_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    file = tmp_path / "jobs.yaml"
    file.write_text("jobs: 8\n")
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    with pytest.raises(ClosedLoopError, match=rf"expected the package dask-jobqueue, found none.*{INSTALL}"):
        run_pieces([], Workers("slurm", address=str(file)))
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClosedLoopError, match="dask:2: expected the package distributed"):
        run_pieces([], Workers("dask", 2))


@pytest.mark.parametrize(
    ("address", "options", "expected"),
    [
        ("tls://head:8786", {}, "tls://head:8786: expected certificates, found none named in Dask's options"),
        (
            "tls://head:8786",
            {"tls.ca-file": "/gone/ca.pem", "tls.client.cert": "/gone/cert.pem"},
            "expected certificates in /gone/ca.pem and /gone/cert.pem, found: .*No such file",
        ),
        ("tcp://head:8786", {"require-encryption": True}, "tcp://head:8786: expected tls://, as Dask's option"),
    ],
)
def test_certificates_for_a_scheduler_that_runs_already_come_from_dask_s_own_options(
    address: str, options: dict[str, object], expected: str
) -> None:
    import dask
    import distributed  # noqa: F401 - its options come with it, and would go with ours

    with (
        dask.config.set({f"distributed.comm.{key}": value for key, value in options.items()}),
        pytest.raises(ExecutionError, match=expected) as caught,
    ):
        run_pieces([], Workers("scheduler", address=address))
    assert "\n" not in str(caught.value)


def test_a_missing_package_for_certificates_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(ExecutionError, match=rf"expected the package cryptography, found none.*{INSTALL}"):
        run_pieces([], Workers("dask", 1))
