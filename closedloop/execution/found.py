"""`--workers`, as every command takes it: understood and found before anything is made for them."""

from __future__ import annotations

from closedloop.execution.workers import Workers, parse_workers


def find_workers(text: str) -> Workers:
    """Understand what a user says of the workers, and see that they can be had.

    Raises
    ------
    OptionError
        The text names none.
    ExecutionError
        They cannot be had: nothing answers, or a library or the description of the jobs is missing.
    """
    workers = parse_workers(text)
    if workers.kind != "local":
        from closedloop.execution.dask import refuse_unreachable  # noqa: PLC0415 - only who asks for Dask needs it

        refuse_unreachable(workers)
    return workers
