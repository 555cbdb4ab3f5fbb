"""Pieces of work on a Dask cluster: of this machine, one that runs already, or of batch jobs. The only home of dask.

Whoever can talk to a Dask scheduler runs code as the person who started it, and a port of 127.0.0.1 is open to every
account of the machine. A cluster that is started here therefore speaks TLS alone, with certificates that were made for
it and end with it, and serves no pages.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import shlex
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from closedloop.errors import ExecutionError
from closedloop.execution.local import WORKER_INDEX
from closedloop.execution.slurm_file import read_slurm_file
from closedloop.execution.stored.here import do_over_store
from closedloop.execution.stored.packing import PieceOrder
from closedloop.execution.stored.store import refuse_unusable
from closedloop.execution.stored.there import PieceReport, do_order
from closedloop.execution.workers import HERE, Piece, Workers, place_of
from closedloop.plain_text.installing import install_command

_DEATHS_ALLOWED = 3  # of workers at the same piece: then it is the piece (Dask's `allowed-failures`)
_CONNECT_S = 10.0
# There is no switch for Dask's HTTP server: it gets a port of this machine's own, and nothing to serve. An address of
# None would be port 8787 on all addresses, which one cluster of a machine can have.
_NO_DASHBOARD = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
_WORKER_WITHOUT_DASHBOARD = ("--no-dashboard", "--dashboard-address", "127.0.0.1:0")
_WORKER_WITHOUT_PAGES = "export DASK_DISTRIBUTED__WORKER__HTTP__ROUTES='[]'"
_CERTIFICATES = (
    "tls_ca_file",
    *(f"tls_{role}_{what}" for role in ("client", "scheduler", "worker") for what in ("cert", "key")),
)
_NO_PAGES: dict[str, Any] = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.scheduler.contact-address": None,  # of a user's own scheduler, not of this one
}


def run_on_dask(pieces: Sequence[Piece], workers: Workers, on_done: Callable[[int], None] | None) -> None:
    """Have all pieces done by a Dask cluster; a piece whose worker died is given to another.

    Parameters
    ----------
    pieces
        Independent pieces that can be pickled; `FilePiece`s where the workers have a store.
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
    if workers.store:
        do_over_store(pieces, workers.store, partial(_distribute, workers), on_done)
        return
    n_done = itertools.count(1)

    def tell(_place: int, _nothing: None) -> None:
        if on_done is not None:
            on_done(next(n_done))

    _have_done(workers, (partial(_do, piece) for piece in pieces), tell)


def _run_bytes() -> Callable[[bytes], Any]:
    """Return a function that Dask sends as it is, not by name: its scheduler looks into what it hands on.

    So closedloop need not be where the scheduler runs, and where a worker lacks it the call says so.
    """

    def run(call: bytes) -> Any:
        from distributed.protocol.pickle import loads  # noqa: PLC0415 - there, where nothing of this module is

        return loads(call)()  # type: ignore[no-untyped-call]

    return run


def _distribute(workers: Workers, orders: Iterable[PieceOrder], on_report: Callable[[int, PieceReport], None]) -> None:
    _have_done(workers, (partial(_do_for_client, order) for order in orders), on_report)


def _have_done(workers: Workers, calls: Iterable[Callable[[], Any]], on_result: Callable[[int, Any], None]) -> None:
    """Have calls done, which are asked for one by one; tell the results as they come, each with its place."""
    distributed = _distributed(workers)
    with _quiet(), _client(distributed, workers) as client:
        try:
            _take_results(distributed, client, workers, calls, on_result)
        except distributed.scheduler.KilledWorker as error:
            raise ExecutionError(
                f"{_named(workers)}: expected workers that finish, found over {_DEATHS_ALLOWED} killed at one piece. "
                "Give them more memory and run the same command again: what is done is kept."
            ) from error
        except (asyncio.CancelledError, distributed.CancelledError, distributed.comm.CommClosedError) as error:
            raise _lost(workers) from error
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith("closedloop"):
                raise
            raise ExecutionError(
                f"{_named(workers)}: expected closedloop where the workers run, found no "
                f"{error.name}. Install the same version there."
            ) from error


def _take_results(
    distributed: Any,
    client: Any,
    workers: Workers,
    calls: Iterable[Callable[[], Any]],
    on_result: Callable[[int, Any], None],
) -> None:
    places: dict[Any, int] = {}
    done = distributed.as_completed(loop=client.loop)

    def take(future: Any) -> None:
        if future.status not in {"finished", "error"}:  # after a loss, what was not done comes as cancelled
            raise _lost(workers)
        on_result(places.pop(future), future.result())

    run, as_bytes = _run_bytes(), distributed.protocol.pickle.dumps
    for place, call in enumerate(calls):
        future = client.submit(run, as_bytes(call), pure=False)
        places[future] = place
        done.add(future)
        while done.has_ready():
            take(next(done))
    for future in done:
        take(future)


def refuse_unreachable(workers: Workers) -> None:
    """Refuse workers that cannot be had, before anything is made for them: no cluster is started for it.

    Raises
    ------
    ExecutionError
        A library is missing, no scheduler answers at the address, or the description of the jobs is none.
    """
    for package in {"local": (), "slurm": ("distributed", "dask_jobqueue")}.get(workers.kind, ("distributed",)):
        if find_spec(package) is None:
            raise _missing(workers, package.replace("_", "-"))
    if workers.kind == "slurm":
        read_slurm_file(Path(workers.address))
    if workers.kind == "scheduler":
        try:
            socket.create_connection(place_of(workers), timeout=_CONNECT_S).close()
        except (OSError, UnicodeError) as error:  # of a name that no host can have
            raise _none_answers(workers) from error
    if workers.store:
        refuse_unusable(workers.store)


def _none_answers(workers: Workers) -> ExecutionError:
    return ExecutionError(
        f"{_named(workers)}: expected a Dask scheduler, found none that answers within {_CONNECT_S:g} s. "
        "Start `dask scheduler`, or correct the address or the certificates."
    )


def _lost(workers: Workers) -> ExecutionError:
    return ExecutionError(
        f"{_named(workers)}: expected the scheduler to stay, found the connection lost. "
        "Run the same command again: what is done is kept."
    )


def _do(piece: Piece) -> None:
    _begin()
    piece()


def _do_for_client(order: PieceOrder) -> PieceReport:
    worker = _begin()
    return do_order(order, Path(worker.local_directory, "closedloop"), place=f"worker {worker.name}")


def _begin() -> Any:
    """Return Dask's worker; what a machine has several of, its workers share out by their numbers."""
    worker = _distributed(HERE).get_worker()
    if isinstance(worker.name, int):  # one that was started by hand has its address for a name, and its own devices
        os.environ[WORKER_INDEX] = str(worker.name)
    return worker


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
        f"{_named(workers)}: expected the package {package}, found none. Install it: {install_command('cluster')}"
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
        where, security = workers.address, None  # a cluster that is started here brings its own
        if workers.kind == "scheduler":
            security = _own_certificates(distributed, workers)
        else:
            where = stack.enter_context(_cluster(distributed, workers))
        try:
            client = stack.enter_context(
                distributed.Client(where, timeout=_CONNECT_S, security=security, set_as_default=False)
            )
        except (OSError, TimeoutError) as error:
            raise _none_answers(workers) from error
        yield client


def _own_certificates(distributed: Any, workers: Workers) -> Any:
    """Read the certificates that the user's own options of Dask name, for a scheduler that runs already."""
    security = distributed.Security()
    encrypted = workers.address.startswith("tls")
    if encrypted and not (security.tls_ca_file and security.tls_client_cert):
        raise ExecutionError(
            f"{workers.address}: expected certificates, found none named in Dask's options. Name distributed.comm.tls."
            "ca-file, client.cert and client.key in ~/.config/dask/distributed.yaml."
        )
    if security.require_encryption and not encrypted:
        raise ExecutionError(
            f"{workers.address}: expected tls://, as Dask's option distributed.comm.require-encryption wants, found "
            "tcp://. Correct the address or the option."
        )
    try:
        security.get_connection_args("client")
    except OSError as error:  # of the file, or of what is in it
        raise ExecutionError(
            f"{workers.address}: expected certificates in {security.tls_ca_file} and {security.tls_client_cert}, "
            f"found: {error}. Correct the files, or Dask's options distributed.comm.tls."
        ) from error
    return security


@contextmanager
def _cluster(distributed: Any, workers: Workers) -> Iterator[Any]:
    if workers.kind == "slurm":
        with slurm_cluster(workers) as cluster:
            yield cluster
        return
    with (
        tempfile.TemporaryDirectory(prefix="closedloop-dask-") as scratch,  # for this account alone (mode 0700)
        _set_dask({**_NO_PAGES, "temporary-directory": scratch}),
        _spec_cluster(distributed, workers) as cluster,
    ):
        yield cluster


def _spec_cluster(distributed: Any, workers: Workers) -> Any:
    """Start processes of this machine that listen on 127.0.0.1, on ports that the system chooses, to each other only.

    What `distributed.LocalCluster` starts, spelled out: its workers cannot be told to have no dashboard.
    """
    security = _temporary_certificates(workers)
    place = {"host": "127.0.0.1", "port": 0, "protocol": "tls://", "security": security, **_NO_DASHBOARD}
    worker = {
        "cls": distributed.Nanny,
        "options": {
            **place,
            "nthreads": 1,
            "memory_limit": distributed.system.MEMORY_LIMIT // workers.n,
            "silence_logs": logging.CRITICAL,
        },
    }
    return distributed.SpecCluster(
        scheduler={"cls": distributed.Scheduler, "options": place},
        workers=dict.fromkeys(range(workers.n), worker),
        worker=worker,
        security=security,
        silence_logs=logging.CRITICAL,
    )


def _temporary_certificates(workers: Workers) -> Any:
    """Make one key and certificate, held in memory: who has it may speak, nobody else may."""
    try:
        return _distributed(workers).Security.temporary()
    except ImportError as error:
        raise _missing(workers, "cryptography") from error


def _set_dask(settings: Mapping[str, Any]) -> Any:
    """Set Dask's options for a while, whatever a user's own files of options say."""
    import dask  # noqa: PLC0415 - optional

    return dask.config.set(settings)


@contextmanager
def slurm_cluster(workers: Workers) -> Iterator[Any]:
    """Start a cluster of Slurm jobs, as a YAML file describes them.

    The file has `jobs`, how many, and whatever `dask_jobqueue.SLURMCluster` takes: queue, account, cores, memory,
    walltime, interface and so on. The jobs read their certificates from files that this account alone can read, in
    `shared_temp_directory` or else the folder that the command was started in. `protocol: tcp://` does without.

    Raises
    ------
    ExecutionError
        dask-jobqueue is missing, or the file is not such a description.
    """
    n_jobs, options = read_slurm_file(Path(workers.address))
    try:
        import dask_jobqueue  # noqa: PLC0415 - optional
    except ImportError as error:
        raise _missing(workers, "dask-jobqueue") from error
    jobqueue: Any = dask_jobqueue
    options |= {
        "job_script_prologue": [_WORKER_WITHOUT_PAGES, *(_job_option(options, "job_script_prologue") or [])],
        "scheduler_options": {**_NO_DASHBOARD, **(_job_option(options, "scheduler_options") or {})},
        "worker_extra_args": [*_WORKER_WITHOUT_DASHBOARD, *(_job_option(options, "worker_extra_args") or [])],
    }
    with ExitStack() as stack:
        try:
            if str(options.get("protocol", "tls")).startswith("tls"):
                folder = os.path.expandvars(_job_option(options, "shared_temp_directory") or Path.cwd())
                security = stack.enter_context(_certificates_in(Path(folder).expanduser(), workers))
                options |= {"protocol": "tls://", "security": security}
            with _set_dask({"distributed.scheduler.http.routes": []}):
                cluster = stack.enter_context(jobqueue.SLURMCluster(**options))
        except (TypeError, ValueError) as error:
            raise ExecutionError(
                f"{workers.address}: expected options of dask_jobqueue.SLURMCluster, found: {error}. Correct the file."
            ) from error
        cluster.scale(jobs=n_jobs)
        yield cluster


def _job_option(options: Mapping[str, Any], key: str) -> Any:
    """Return what the file says of the jobs, or else the user's own options of dask-jobqueue."""
    import dask  # noqa: PLC0415 - optional

    return options[key] if key in options else dask.config.get(f"jobqueue.slurm.{key.replace('_', '-')}", None)


@contextmanager
def _certificates_in(shared: Path, workers: Workers) -> Iterator[Any]:
    """Give temporary certificates as files for this account alone, where jobs on other machines read them."""
    if shlex.quote(str(shared)) != str(shared):  # dask-jobqueue writes it into a shell's line as it stands
        raise ExecutionError(
            f"{workers.address}: expected a shared_temp_directory without spaces, found {shared}. Name another."
        )
    security = _temporary_certificates(workers)
    with ExitStack() as stack:
        try:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".closedloop-dask-", dir=shared)))
            for name in _CERTIFICATES:
                file = folder / f"{name}.pem"
                with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as written:
                    written.write(getattr(security, name))
                setattr(security, name, str(file))
        except OSError as error:
            raise ExecutionError(
                f"{shared}: expected a folder for the certificates of Slurm's jobs, found: {error.strerror}. "
                f"Name shared_temp_directory in {workers.address}."
            ) from error
        yield security
