"""Pieces of work on a Dask cluster: of this machine, one that runs already, or of batch jobs. The only home of dask."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from closedloop.errors import ExecutionError
from closedloop.execution.local import WORKER_INDEX
from closedloop.execution.workers import HERE, Piece, Workers
from closedloop.plain_text.yaml_text import read_yaml

_DEATHS_ALLOWED = 3  # of workers at the same piece: then it is the piece (Dask's `allowed-failures`)
_CONNECT_S = 10.0
_JOBS = "jobs"


def run_on_dask(pieces: Sequence[Piece], workers: Workers, on_done: Callable[[int], None] | None) -> None:
    """Have all pieces done by a Dask cluster; a piece whose worker died is given to another.

    Parameters
    ----------
    pieces
        Independent pieces that can be pickled.
    workers
        Of kind "dask", "scheduler" or "slurm".
    on_done
        Called in this process with the number of pieces done so far.

    Raises
    ------
    ClosedLoopError
        A piece raised one.
    ExecutionError
        Dask is missing, the cluster cannot be reached or was lost, or a piece ended its worker several times.
    """
    distributed = _distributed(workers)
    with _quiet(), _client(distributed, workers) as client:
        try:
            futures = client.map(_do, pieces, pure=False)
            for n_done, future in enumerate(distributed.as_completed(futures, loop=client.loop), start=1):
                if future.status not in {"finished", "error"}:  # after a loss, what was not done comes as cancelled
                    raise _lost(workers)
                future.result()
                if on_done is not None:
                    on_done(n_done)
        except distributed.scheduler.KilledWorker as error:
            raise ExecutionError(
                f"{_named(workers)}: expected workers that finish, found over {_DEATHS_ALLOWED} killed at one piece. "
                "Give them more memory and run the same command again: what is done is kept."
            ) from error
        except (asyncio.CancelledError, distributed.CancelledError, distributed.comm.CommClosedError) as error:
            raise _lost(workers) from error


def _lost(workers: Workers) -> ExecutionError:
    return ExecutionError(
        f"{_named(workers)}: expected the scheduler to stay, found the connection lost. "
        "Run the same command again: what is done is kept."
    )


def _do(piece: Piece) -> None:
    name = _distributed(HERE).get_worker().name
    if isinstance(name, int):  # a worker that was started by hand has its address for a name, and its own devices
        os.environ[WORKER_INDEX] = str(name)
    piece()


def _named(workers: Workers) -> str:
    return workers.address or f"{workers.kind}:{workers.n}"


def _distributed(workers: Workers) -> Any:
    try:
        import distributed  # noqa: PLC0415 - only here, and only where it is asked for
    except ImportError as error:
        raise _missing(workers, "distributed") from error
    return distributed


def _missing(workers: Workers, package: str) -> ExecutionError:
    return ExecutionError(
        f"{_named(workers)}: expected the package {package}, found none. Install it: pip install 'closedloop[cluster]'"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave it to the error that is raised to say what happened: Dask logs every lost worker many times."""
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "distributed"]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


@contextmanager
def _client(distributed: Any, workers: Workers) -> Iterator[Any]:
    with ExitStack() as stack:
        if workers.kind == "scheduler":
            where: Any = workers.address
        else:
            where = stack.enter_context(_cluster(distributed, workers))
        try:
            client = stack.enter_context(distributed.Client(where, timeout=_CONNECT_S, set_as_default=False))
        except (OSError, TimeoutError) as error:
            raise ExecutionError(
                f"{_named(workers)}: expected a Dask scheduler, found none that answers within {_CONNECT_S:g} s. "
                "Start `dask scheduler`, or correct the address."
            ) from error
        yield client


@contextmanager
def _cluster(distributed: Any, workers: Workers) -> Iterator[Any]:
    if workers.kind == "slurm":
        with slurm_cluster(workers) as cluster:
            yield cluster
        return
    with (
        tempfile.TemporaryDirectory(prefix="closedloop-dask-") as scratch,
        distributed.LocalCluster(
            n_workers=workers.n,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",  # None would be port 8787 on all addresses, one cluster a machine
            worker_dashboard_address="127.0.0.1:0",
            local_directory=scratch,
            silence_logs=logging.CRITICAL,
        ) as cluster,
    ):
        yield cluster


@contextmanager
def slurm_cluster(workers: Workers) -> Iterator[Any]:
    """Start a cluster of Slurm jobs, as a YAML file describes them.

    The file has `jobs`, how many, and whatever `dask_jobqueue.SLURMCluster` takes: queue, account, cores, memory,
    walltime and so on.

    Raises
    ------
    ExecutionError
        dask-jobqueue is missing, or the file is not such a description.
    """
    n_jobs, options = read_slurm_file(Path(workers.address))
    try:
        from dask_jobqueue import SLURMCluster  # noqa: PLC0415 - optional
    except ImportError as error:
        raise _missing(workers, "dask-jobqueue") from error
    try:
        cluster = SLURMCluster(**options)
    except (TypeError, ValueError) as error:
        raise ExecutionError(
            f"{workers.address}: expected options of dask_jobqueue.SLURMCluster, found: {error}. Correct the file."
        ) from error
    with cluster:
        cluster.scale(jobs=n_jobs)
        yield cluster


def read_slurm_file(file: Path) -> tuple[int, dict[str, Any]]:
    """Read how many jobs and what each is like.

    Raises
    ------
    ExecutionError
        The file is missing or malformed.
    """
    found = read_yaml(
        file,
        missing="expected a YAML file with `jobs: N` and Slurm's options, found none. Correct the path.",
        error=ExecutionError,
        remedy="Give `jobs: N` and Slurm's options.",
    )
    n_jobs = found.pop(_JOBS, None)
    if not isinstance(n_jobs, int) or isinstance(n_jobs, bool) or n_jobs < 1:
        raise ExecutionError(f"{file}: expected `jobs: N` with N of at least 1, found {n_jobs}. Correct it.")
    return n_jobs, found
