"""In which precision a model ascends."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

Precision = Literal["float32", "bfloat16"]


def ascending(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Context in which a model's forward pass runs in the precision; parameters and pixels stay as they are."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
