"""``--workers`` and ``--store``: both go on as one text, which other commands take too."""

from __future__ import annotations

import re
from typing import Annotated, TypeVar

import typer

from closedloop.errors import OptionError

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*(?:::[a-z][a-z0-9+.-]*)*://\S*")
_BOTH = re.compile(rf"(?P<who>.+?),(?P<store>{_ADDRESS.pattern})")

WorkersOption = Annotated[
    str | None,
    typer.Option(
        metavar="WORKERS",
        help="who attacks, detects, fits and evaluates: N processes, dask:N, tcp://HOST:PORT (a Dask scheduler), "
        "slurm:FILE  [default: this machine's GPUs, or its CPU cores]",
    ),
]
StoreOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="CLOSEDLOOP_STORE",
        help="what a cluster's workers fetch and leave files through, s3://bucket/prefix or any other address of "
        "fsspec's  [default: the same folders everywhere]",
    ),
]

Who = TypeVar("Who", str, str | None)


def with_store(workers: Who, store: str | None) -> Who:
    """Return what a user says of workers and of a store as one text.

    Parameters
    ----------
    workers
        Of ``--workers``; None: this machine.
    store
        Of ``--store``; a cluster's alone: processes of this machine see its files.

    Raises
    ------
    OptionError
        The store is no address.
    """
    if store is not None and not _ADDRESS.fullmatch(store):
        raise OptionError(f"--store {store}: expected an address like s3://bucket/prefix, found none. Correct it.")
    return workers if workers is None or store is None else f"{workers},{store}"


def split_store(text: str) -> tuple[str, str]:
    """Return the workers and the store of such a text; the store is empty where there is none.

    Parameters
    ----------
    text
        What `with_store` returned, or workers alone.
    """
    found = _BOTH.fullmatch(text)
    return (found["who"], found["store"]) if found else (text, "")
