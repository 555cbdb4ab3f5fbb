"""In which precision a model ascends, and that what is reported is float32 for certain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal

import torch

Precision = Literal["auto", "float32", "bfloat16", "tf32"]

_AMPERE = 8  # compute capability from which NVIDIA's matrix units take bfloat16 and TF32


def chosen_precision(precision: Precision, device: torch.device) -> Precision:
    """Resolve "auto": bfloat16 where the hardware multiplies matrices faster in it, else float32.

    Raises
    ------
    ValueError
        TF32 is asked for on a processor, which has none.
    """
    if precision == "tf32" and device.type != "cuda":
        raise ValueError(f"precision tf32: expected a CUDA device, found {device}")
    if precision != "auto":
        return precision
    return "bfloat16" if _gains_by_bfloat16(device) else "float32"


@contextmanager
def ascending(precision: Precision, device: torch.device) -> Iterator[None]:
    """Context in which a model's forward pass runs in the precision; parameters and pixels stay as they are."""
    chosen = chosen_precision(precision, device)
    with _tf32(allowed=chosen == "tf32"), torch.autocast(device.type, torch.bfloat16, enabled=chosen == "bfloat16"):
        yield


@contextmanager
def exactly() -> Iterator[None]:
    """Context of float32 without TF32, which torch allows convolutions by default."""
    with _tf32(allowed=False):
        yield


@contextmanager
def _tf32(*, allowed: bool) -> Iterator[None]:
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


@cache
def _gains_by_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= _AMPERE
    return "amx_bf16" in _processor_flags()


def _processor_flags() -> frozenset[str]:
    """Read the flags of this machine's first processor (Linux); none where they cannot be read."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())
