"""Which device a process computes on: workers of one machine share its graphics cards out by their number."""

from __future__ import annotations

import torch

from closedloop.execution.local import usable_processors
from closedloop.execution.workers import Workers, worker_index


def own_device(name: str) -> torch.device:
    """Choose this process's device.

    Parameters
    ----------
    name
        "auto": a CUDA device where there is one, else the processor. "cuda": the next in turn of the visible ones.
        Anything else is torch's name of a device.

    Raises
    ------
    ValueError
        CUDA is asked for where there is none.
    """
    if name == "auto" and not on_cuda(name):
        return torch.device("cpu")
    return in_turn(worker_index(), torch.cuda.device_count()) if name in {"auto", "cuda"} else torch.device(name)


def on_cuda(name: str) -> bool:
    """Return whether workers will compute on graphics cards; leaves this process able to fork."""
    return name.startswith("cuda") or (name == "auto" and torch.cuda.device_count() > 0)


def in_turn(worker: int, n_devices: int) -> torch.device:
    """CUDA device of a worker: worker 0 has the first, and after the last one it begins again.

    Raises
    ------
    ValueError
        There is none.
    """
    if n_devices < 1:
        raise ValueError("device cuda: expected a CUDA device, found none")
    return torch.device("cuda", worker % n_devices)


def own_workers() -> Workers:
    """Use all of this machine: a process for each graphics card, or for each processor where there is none."""
    return Workers("local", torch.cuda.device_count() or usable_processors())
