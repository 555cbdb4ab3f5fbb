"""How many images to attack at once: what this machine is fastest with, as far as its memory goes.

It decides nothing but time: what is found does not depend on it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from closedloop.attacks.engine.evaluation import if_it_fits
from closedloop.attacks.objectives import value_and_gradient
from closedloop.attacks.precision import ascending
from closedloop.attacks.problem import Method

BatchSize = int | Literal["auto"]

_MARGIN = 0.8  # of the memory that is free now
_STATE_IMAGES = 12  # float32 images of the engine's own a slot: clean, iterate, best, directions and what is in flight
_TRIAL = 4
_PASSING = 2  # what is in flight beside what is kept, at most as much again
_MOST = {"cpu": 64, "cuda": 1024}
_PIXELS_AT_ONCE = 4 * 224**2  # of the processor, where wider batches gain nothing (measured, docs/decisions/0011)


def choose_batch_size(
    asked: BatchSize, model: nn.Module, size: tuple[int, int], *, device: torch.device, n_sharing: int, method: Method
) -> int:
    """Return what was asked for, or choose.

    Parameters
    ----------
    asked
        A number, or "auto".
    model
        On `device`.
    size
        Height and width of the images.
    device
        Where the model is.
    n_sharing
        Processes that choose at the same time and share this machine's memory.
    method
        Its precision decides what an image costs.
    """
    if asked != "auto":
        return asked
    fastest = fastest_batch(size, device)
    if fastest <= _TRIAL:
        return fastest
    cost = if_it_fits(lambda: measure_cost(model, size, device=device, method=method))
    if cost is None:
        return _TRIAL  # the engine says what is to be done where even these do not fit
    cards = torch.cuda.device_count() if device.type == "cuda" else 1
    return fit_batch(fastest, cost=cost, free=free_bytes(device), n_sharing=math.ceil(n_sharing / cards))


def fastest_batch(size: tuple[int, int], device: torch.device) -> int:
    """Widest batch that still gains speed: what fills a graphics card, or stays in a processor's caches."""
    if device.type != "cpu":
        return _MOST["cuda"]
    wide = _PIXELS_AT_ONCE // (size[0] * size[1])
    return min(max(wide, _TRIAL), _MOST["cpu"])


def fit_batch(fastest: int, *, cost: float, free: int, n_sharing: int) -> int:
    """Largest power of two that is not beyond the fastest width and fits into a share of the free memory; at least 1.

    Parameters
    ----------
    fastest
        Width beyond which there is no gain.
    cost
        Bytes an image.
    free
        Bytes that can be had now.
    n_sharing
        Processes that share them.
    """
    fits = int(_MARGIN * free / n_sharing / max(cost, 1.0))
    widest = max(min(fastest, fits), 1)
    return 1 << (widest.bit_length() - 1)


def measure_cost(model: nn.Module, size: tuple[int, int], *, device: torch.device, method: Method) -> float:
    """Bytes that one more image takes at the peak of a gradient and in the engine, from one small batch.

    Parameters
    ----------
    model
        On `device`.
    size
        Height and width of the images, pixels.
    device
        Where the model is.
    method
        Its precision decides what an image costs.
    """
    images = torch.zeros(_TRIAL, 3, *size, device=device)

    def trial() -> None:
        with ascending(method.precision, device):
            value_and_gradient(lambda x: model(x).float().flatten(1).sum(dim=1), images)

    peak = _peak_on_cuda(trial, device) if device.type == "cuda" else _PASSING * _kept_for_backward(trial, model)
    return peak / _TRIAL + _STATE_IMAGES * images[0].numel() * images.element_size()


def free_bytes(device: torch.device) -> int:
    """Memory that can be had now, without swapping: of the card, or of this machine and this process's group."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    lines = Path("/proc/meminfo").read_text().splitlines()
    available = 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    return min(available, left_to_group(Path("/sys/fs/cgroup")))


def left_to_group(folder: Path) -> int:
    """Read what a control group (a container, a batch job) may still take; without one there is no such limit."""
    most, now = folder / "memory.max", folder / "memory.current"
    if not most.is_file() or not now.is_file() or (limit := most.read_text().strip()) == "max":
        return sys.maxsize
    return int(limit) - int(now.read_text())


def _peak_on_cuda(trial: Callable[[], None], device: torch.device) -> int:
    trial()  # what the libraries allocate once is not an image's
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    trial()
    return torch.cuda.max_memory_allocated(device) - before


def _kept_for_backward(trial: Callable[[], None], model: nn.Module) -> int:
    """Count the bytes that a gradient keeps between its two passes, without the model's own."""
    own = {one.untyped_storage().data_ptr() for one in [*model.parameters(), *model.buffers()]}
    kept: dict[int, int] = {}

    def keep(one: Tensor) -> Tensor:
        storage = one.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return one

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        trial()
    return sum(kept.values())
