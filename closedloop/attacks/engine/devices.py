"""Which device a process computes on: workers of one machine share its graphics cards out by their number."""

from __future__ import annotations

import os
from functools import partial

import torch

from closedloop.errors import ExecutionError
from closedloop.execution.local import usable_processors
from closedloop.execution.workers import HERE, Workers, worker_index


def own_device(name: str) -> torch.device:
    """Choose this process's device.

    Parameters
    ----------
    name
        "auto": a CUDA device where there is one, else the processor. "cuda": the next in turn of the visible ones.
        Anything else is torch's name of a device.

    Raises
    ------
    ExecutionError
        This machine has no such device.
    """
    if name == "auto" and not on_cuda(name):
        return torch.device("cpu")
    return in_turn(worker_index(), torch.cuda.device_count()) if name in {"auto", "cuda"} else _named(name)


def check_device(name: str) -> None:
    """Refuse a device that this machine does not have, before anything is made for it; leaves it able to fork.

    Parameters
    ----------
    name
        As in `own_device`.

    Raises
    ------
    ExecutionError
        There is none of this name.
    """
    if name == "cuda":
        in_turn(0, torch.cuda.device_count())
    elif name != "auto":
        _named(name)


def _named(name: str) -> torch.device:
    try:
        device = torch.device(name)
        if device.type == "cuda":
            there = (device.index or 0) < torch.cuda.device_count()  # known without waking the card up
        else:
            there = device.type != "meta" and not device.index and torch.zeros(1, device=device).sum().item() == 0
    except (RuntimeError, AssertionError, ImportError, NotImplementedError):  # what torch says of a name it knows not
        there = False
    if not there:
        cards = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
        known = (
            f"one of auto, cpu, {', '.join(['cuda', *cards])}" if cards else "auto or cpu, for there is no CUDA device"
        )
        raise ExecutionError(f"--device: expected {known}, found {name!r}. Correct it, or leave it out.")
    return device


def on_cuda(name: str) -> bool:
    """Return whether workers will compute on graphics cards; leaves this process able to fork."""
    return name.startswith("cuda") or (name == "auto" and torch.cuda.device_count() > 0)


def has_used_cuda() -> bool:
    """Return whether this process has used a graphics card: it can fork none that does."""
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]


def in_turn(worker: int, n_devices: int) -> torch.device:
    """CUDA device of a worker: worker 0 has the first, and after the last one it begins again.

    Raises
    ------
    ExecutionError
        There is none.
    """
    if n_devices < 1:
        raise ExecutionError(
            "--device cuda: expected a CUDA device, found none that torch can use. "
            "Leave the option out, or look at what `closedloop doctor` and `nvidia-smi` say."
        )
    return torch.device("cuda", worker % n_devices)


def own_workers() -> Workers:
    """Use all of this machine: a process for each graphics card, or for each processor where there is none."""
    return Workers("local", torch.cuda.device_count() or usable_processors())


def able_to_fork(workers: Workers, device: str) -> Workers:
    """Return the workers; this process alone where they are forked for graphics cards and it has used one itself.

    CUDA that a process has begun does not work in those forked from it. What is computed is the same, on one card.

    Parameters
    ----------
    workers
        Who was asked for.
    device
        Where each would compute, as in `own_device`.
    """
    return HERE if workers.kind == "local" and on_cuda(device) and has_used_cuda() else workers


def share_out(n: int, workers: Workers, *, most: int) -> int:
    """Return how many of n alike things one piece of work takes, so that no worker is left without.

    Parameters
    ----------
    n
        How many there are.
    workers
        Who does the pieces.
    most
        In a piece, where there is plenty.

    Examples
    --------
    >>> from closedloop.execution.workers import Workers
    >>> [share_out(n, Workers("local", 8), most=32) for n in (3, 111, 10_000)]
    [1, 14, 32]
    """
    return max(1, min(most, -(-n // max(workers.n, 1))))


# A forked child has the thread that forked and no other: torch would wait for the rest of its parent's for good.
os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))
