"""A day on a cluster whose machines see none of the study's files: the bytes of one process, whatever is killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.equipment.machines import Machines, kill, machines
from tests.equipment.processes import Child
from tests.loop.studies import PROTOCOL, sensitivity

KEYS_IN_STORE = """
import sys
import boto3
found = boto3.client("s3", endpoint_url=sys.argv[1]).list_objects_v2(Bucket="bucket")
print(*[one["Key"] for one in found.get("Contents", ())])
"""
PATIENCE_S = 600.0
DAY = "day-01"  # on which an electrode has raw voltage: all four kinds of work
RESULTS = (
    *("synthesize/stimuli.parquet", "synthesize/images.h5", "synthesize/predictions.h5", "ingest/quality.json"),
    *("ingest/responses.parquet", "ingest/responses.h5", "refit/model.safetensors", "refit/fit.json"),
    *("evaluate/sensitivity.parquet", "evaluate/intervals.parquet", "evaluate/pairs.parquet"),
)


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A folder of the client's, which nobody else sees, and one of the machines'."""
    client, own = tmp_path / "client", tmp_path / "machines"
    client.mkdir()
    own.mkdir()
    return client, own


@pytest.fixture
def cluster(places: tuple[Path, Path]) -> Iterator[tuple[Machines, str]]:
    """Two machines and a hub with a store."""
    client, own = places
    with machines(2, hidden=[client], environment={}) as made, made.store(own) as url:
        made.environment["FSSPEC_S3_ENDPOINT_URL"] = url
        yield made, url


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_day_on_two_machines_without_shared_files_is_that_of_one_process_though_scheduler_and_worker_are_killed(
    study_copy: Callable[[], Path], undisturbed: Path, places: tuple[Path, Path], cluster: tuple[Machines, str]
) -> None:
    (client, own), (made, url) = places, cluster
    study = Path(shutil.move(study_copy(), client / "study"))
    for stage in ("synthesize", "ingest", "refit", "evaluate"):
        shutil.rmtree(study / DAY / stage)

    def run(address: str) -> Child[bytes]:
        words = ["dry-run", study, "--protocol", PROTOCOL, "--workers", address, "--store", "s3://bucket/run"]
        line = [sys.executable, "-m", "closedloop.cli", *words]
        return made.start(0, *line, cwd=client, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    scheduler, address = made.scheduler(own)
    worker = made.worker(1, address, own)
    with run(address) as loop:
        wait_while(loop, lambda: at_work(own))
        kill(scheduler)
        said = loop.communicate()[0].decode()
    assert loop.returncode == 1, said
    assert "Run the same command again: what is done is kept." in said
    for process in (scheduler, worker):
        kill(process)

    scheduler, address = made.scheduler(own)
    workers = {number: made.worker(number, address, own) for number in (1, 2)}
    with run(address) as loop:
        found = list[int]()
        fits = study / DAY / ".refit.partial"
        wait_while(loop, lambda: found or (fits.exists() and found.extend(at_work(own))))
        kill(workers[found[0]])
        said = loop.communicate()[0].decode()
    assert loop.returncode == 0, said
    for process in (*workers.values(), scheduler):
        kill(process)

    assert sensitivity(study) == sensitivity(undisturbed)
    for name in RESULTS:
        assert (study / DAY / name).read_bytes() == (undisturbed / DAY / name).read_bytes(), name
    kept = subprocess.run(
        made.command(0, sys.executable, "-c", KEYS_IN_STORE, url),
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | made.environment,
    ).stdout.split()
    assert all("/blocks/" in key for key in kept), "all that was made has been fetched"
    assert len(kept) < 20  # contents of what was done before the scheduler was lost


def wait_while(loop: Child[bytes], holds: Callable[[], object]) -> None:
    """Wait for something to hold while a command runs; it may have stages before."""
    deadline = time.monotonic() + PATIENCE_S
    while loop.poll() is None and not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert holds(), loop.communicate()[0].decode() if loop.poll() is not None else "waited too long"


def at_work(own: Path) -> list[int]:
    """Return the machines that do a piece just now."""
    with contextlib.suppress(FileNotFoundError):
        return [n for n in (1, 2) if any(own.glob(f"machine-{n}/dask-scratch-space/*/closedloop/piece-*"))]
    return []
