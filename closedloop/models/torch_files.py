"""The tensors of a file of torch's: what ``torch.load`` is asked, in a confined process.

``weights_only=True`` runs no code of the file's. It still allocates what the file says, unpacks what is packed, and its
C++ code reads bytes that anybody may have written.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from closedloop.confined.protocol import Answer
from closedloop.errors import CheckpointError
from closedloop.models.weight_headers import plain_key

NESTINGS = ("model", "state_dict")
DTYPES = {
    str(dtype): dtype
    for dtype in (
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
        *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool),
    )
}
_ALIGNMENT_BYTES = 64  # how much more than its tensors' a file may lack, of what several share


def read_state(path: str) -> Answer:
    """Read a state dict, nested or not.

    Returns
    -------
    Answer
        Key, type and shape of each tensor; their bytes.

    Raises
    ------
    CheckpointError
        The file holds more than tensors and plain values, or no state dict.
    """
    torch.set_num_threads(1)
    content = _load(path)
    for nesting in NESTINGS:
        if isinstance(content, Mapping) and isinstance(content.get(nesting), Mapping):
            content = content[nesting]
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"{path}: expected a state dict, found {type(content).__name__}. Save model.state_dict()."
        )
    state = plain_state(content)
    refuse_unfit(state, path=path, n_bytes=Path(path).stat().st_size)
    described = [[key, str(value.dtype), list(value.shape)] for key, value in state.items()]
    return described, _bytes(state)


def plain_state(content: Mapping[Any, Any]) -> dict[str, Tensor]:
    """Return the tensors by torchvision's keys, without wrappers and without siblings of the network."""
    state = {plain_key(str(key)): value for key, value in content.items() if isinstance(value, Tensor)}
    state.pop("", None)
    return state


def refuse_unfit(state: Mapping[str, Tensor], *, path: str, n_bytes: int) -> None:
    """Refuse tensors that are no plain array, or need more memory than the file has bytes.

    Parameters
    ----------
    state
        Tensors by key.
    path
        Of the file.
    n_bytes
        Its size.
    """
    for key, value in state.items():
        if value.layout != torch.strided or value.device.type != "cpu" or str(value.dtype) not in DTYPES:
            found = f"{value.dtype} ({value.layout}, on {value.device})"
            raise CheckpointError(f"{path}: expected {key} as an array of numbers, found {found}. Give other weights.")
    needed = sum(value.numel() * value.element_size() for value in state.values())
    if needed > n_bytes + _ALIGNMENT_BYTES * len(state):
        raise CheckpointError(
            f"{path}: expected weights of at most the file's {n_bytes:,} bytes, found some of {needed:,}. "
            "Save model.state_dict() of a plain network."
        )


def _load(path: str) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        if not zipfile.is_zipfile(path):
            raise CheckpointError(
                f"{path}: truncated or corrupt weight file (no state dict that can be read from it). Download or copy "
                "it again, or save it anew: torch.save(model.state_dict(), FILE)."
            ) from None
        raise CheckpointError(
            f"{path}: holds Python objects beyond tensors, which are not loaded. Where you trust the file, "
            "save its state dict alone: torch.save(checkpoint['model'], FILE)."
        ) from None


def _bytes(state: Mapping[str, Tensor]) -> Iterator[Any]:
    for value in state.values():
        yield value.detach().contiguous().reshape(-1).view(torch.uint8).numpy().data
