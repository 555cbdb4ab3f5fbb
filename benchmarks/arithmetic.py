"""What arithmetic costs: operations of a gradient, counted, and the operations a second that a device can do."""

from __future__ import annotations

import copy
import time

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

PROCESSOR = torch.device("cpu")


def flop_of_a_gradient(model: nn.Module, image: Tensor) -> float:
    """Count the floating-point operations of one image's forward pass and input gradient.

    Parameters
    ----------
    model
        Images to outputs.
    image
        (1, 3, height, width), on the model's device.
    """
    fixed = copy.deepcopy(model).requires_grad_(False)
    leaf = image.clone().requires_grad_()
    with FlopCounterMode(display=False) as counter:
        fixed(leaf).sum().backward()
    return float(counter.get_total_flops())


def matrix_peak(dtype: torch.dtype, *, device: torch.device = PROCESSOR, side: int = 1024) -> float:
    """Measure the floating-point operations a second of a large matrix product, the best of five.

    Parameters
    ----------
    dtype
        Of the factors.
    device
        On a processor a CUDA second's place is taken by a second of the process's own time.
    side
        Rows and columns.
    """
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    seconds = []
    for _ in range(5):
        synchronise(device)
        start = clock()
        left @ right
        synchronise(device)
        seconds.append(clock() - start)
    return 2 * side**3 / min(seconds)


def synchronise(device: torch.device) -> None:
    """Wait for a GPU; a processor has done its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
