"""Who does independent pieces of work, as a user names them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from closedloop.errors import OptionError
from closedloop.execution.local import WORKER_INDEX
from closedloop.terminal.store_option import split_store

FORMS = "N or local:N (processes of this machine), dask:N, tcp://HOST:PORT (a Dask scheduler) or slurm:FILE"

_MOST_PROCESSES = 1024
_ADDRESS = re.compile(r"(?:tcp|tls)://(?:\[(?P<ip6>[0-9A-Fa-f:.%]+)\]|(?P<host>[^/\s:\[\]@]+)):(?P<port>[0-9]{1,5})")
_LAST_PORT = (1 << 16) - 1

Piece = Callable[[], None]


@dataclass(frozen=True)
class Workers:
    """Who does the work.

    Attributes
    ----------
    kind
        "local": processes of this machine, forked (1: this process). "dask": a Dask cluster of processes of this
        machine. "scheduler": a Dask cluster that runs already. "slurm": a Dask cluster of batch jobs.
    n
        How many processes, for "local" and "dask"; else 0.
    address
        The scheduler's address, or the file that describes the jobs; else "".
    store
        Through which a cluster's workers get what they need and give what they make, as fsspec takes it; "": they see
        the same files as this machine, under the same paths.
    """

    kind: Literal["local", "dask", "scheduler", "slurm"]
    n: int = 0
    address: str = ""
    store: str = ""

    @property
    def is_cluster(self) -> bool:
        """Whether they are no forks of this process."""
        return self.kind != "local"


HERE = Workers("local", 1)


def parse_workers(text: str) -> Workers:
    """Understand what a user says of the workers.

    Parameters
    ----------
    text
        ``N``, ``local:N``, ``dask:N``, ``tcp://HOST:PORT`` (or ``tls://``), or ``slurm:FILE``; behind a comma, where
        `store_option.with_store` wrote it, the address of a store.

    Raises
    ------
    OptionError
        The text is none of these.
    """
    text, store = split_store(text)
    if found := re.fullmatch(r"(?:(local|dask):)?([0-9]+)", text):
        kind, n = found[1] or "local", int(found[2])
        if 1 <= n <= _MOST_PROCESSES:
            return Workers("dask", n, store=store) if kind == "dask" else Workers("local", n)
    if (found := _ADDRESS.fullmatch(text)) and 1 <= int(found["port"]) <= _LAST_PORT:
        return Workers("scheduler", address=text, store=store)
    if text.startswith("slurm:") and len(text) > len("slurm:"):
        return Workers("slurm", address=text.removeprefix("slurm:"), store=store)
    raise OptionError(f"--workers {text}: expected {FORMS}, found none of them. Correct it.")


def place_of(workers: Workers) -> tuple[str, int]:
    """Return host and port of a scheduler that runs already."""
    found = _ADDRESS.fullmatch(workers.address)
    if found is None:
        raise ValueError(f"expected the address of a scheduler, found {workers}")
    return found["ip6"] or found["host"], int(found["port"])


def worker_index() -> int:
    """Return this process's number among the workers, from 0; 0 in a process that is no worker.

    Workers of one machine share out by it what the machine has several of.
    """
    return int(os.environ.get(WORKER_INDEX, "0"))
