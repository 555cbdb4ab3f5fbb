"""Reading and writing files of weights: nothing but tensors comes in, the same tensors always give the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor, nn

from closedloop.confined.asking import run_confined
from closedloop.confined.protocol import ConfinedError, Limits
from closedloop.errors import CheckpointError
from closedloop.models.torch_files import DTYPES, plain_state, read_state, refuse_unfit
from closedloop.models.weight_headers import HEADER_LENGTH_BYTES, METADATA_KEY, MOST_HEADER_BYTES, refuse_no_weights
from closedloop.plain_text.json_text import parse_json
from closedloop.storage import open_to_read, write_bytes

BATCH_COUNTER = "num_batches_tracked"  # older torchvision files lack it; nothing here uses it
N_KEYS_SHOWN = 3
_MOST_REASON = 120  # characters of what a library says
_READ_BYTES_PER_S, _GROWTH = 50e6, 3.0  # of torch's files: a tenth of what was measured; read, laid out, sent
_AGAIN = "Download or copy it again."


def write_weights(path: Path, tensors: Mapping[str, Tensor], *, metadata: Mapping[str, Any]) -> None:
    """Write tensors and a JSON-able description as safetensors: whole or not at all, the same input the same bytes.

    Parameters
    ----------
    path
        File to write.
    tensors
        By key.
    metadata
        What they are; JSON-able.
    """
    contiguous = {key: tensors[key].detach().cpu().contiguous() for key in sorted(tensors)}
    described = {METADATA_KEY: json.dumps(metadata, sort_keys=True)}
    write_bytes(path, tensors_to_bytes(contiguous, metadata=described))


def read_metadata(path: Path) -> dict[str, Any]:
    """Read the description that ``write_weights`` put into a safetensors file; empty in a file of somebody else's."""
    with _opened(path) as stream:
        text = (stream.metadata() or {}).get(METADATA_KEY, "{}")
    described = parse_json(text, place=f"{path}: its description", error=CheckpointError, remedy=_AGAIN)
    if not isinstance(described, dict):
        raise CheckpointError(f"{path}: its description: expected keys with values, found {described!r:.60}. {_AGAIN}")
    return described


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Read all tensors of a safetensors file; their bytes are read where they are used.

    Raises
    ------
    CheckpointError
        The file is missing, truncated or corrupt.
    """
    with _opened(path) as stream:
        state = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118 - no mapping
    refuse_unfit(state, path=str(path), n_bytes=path.stat().st_size)
    return state


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a safetensors file, whose parser is safe and whose header may be of any size."""
    refuse_no_weights(path)
    try:
        with open_to_read(path) as file:
            n_header = int.from_bytes(file.read(HEADER_LENGTH_BYTES), "little")
        if n_header > MOST_HEADER_BYTES:
            raise _corrupt(path, ValueError(f"a header of {n_header:,} bytes"))
        with safe_open(path, framework="pt") as stream:
            yield stream
    except CheckpointError:
        raise
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, OSError) as error:
        raise _corrupt(path, error) from None


def load_foreign_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a state dict of torchvision, or a checkpoint of the robustness library, with torchvision's keys.

    The dict may be nested under ``model`` or ``state_dict``; the prefixes ``module.`` and ``model.`` are stripped and
    what belongs to ``attacker`` and ``normalizer`` is dropped. ``.safetensors`` files are read as such, everything
    else by ``torch.load`` with ``weights_only=True``: no code in the file is ever run.

    Raises
    ------
    CheckpointError
        The file is missing, truncated, corrupt, holds more than tensors and plain values, or holds no tensors.
    """
    state = plain_state(read_safetensors(path)) if path.suffix == ".safetensors" else _read_torch(path)
    if not state:
        raise CheckpointError(f"{path}: expected a state dict, found no tensor. Save model.state_dict().")
    return state


def load_into(module: nn.Module, state: Mapping[str, Tensor], *, source: Path, known: nn.Module | None = None) -> None:
    """Put a state dict into a module, refusing whatever does not fit.

    Parameters
    ----------
    module
        Changed in place.
    state
        Weights by key.
    source
        Where they came from, for the error.
    known
        The whole network that ``module`` was cut from: its other keys may be present and are left out.

    Raises
    ------
    CheckpointError
        A key is missing or unknown, a shape differs, or a weight is not finite.
    """
    expected = module.state_dict()
    allowed = (known or module).state_dict().keys()
    _refuse(source, "missing", [k for k in expected if k not in state and not k.endswith(BATCH_COUNTER)])
    _refuse(source, "unknown", [k for k in state if k not in allowed])
    fitting = {key: state.get(key, expected[key]) for key in expected}
    _refuse(
        source,
        "of another shape",
        [_shapes(k, expected[k], fitting[k]) for k in expected if fitting[k].shape != expected[k].shape],
    )
    _refuse(
        source,
        "of another type",
        [
            f"{k} ({fitting[k].dtype})"
            for k in expected
            if expected[k].is_floating_point() != fitting[k].is_floating_point()
        ],
    )
    _refuse(source, "not finite", [k for k in expected if not bool(torch.isfinite(fitting[k]).all())])
    module.load_state_dict(fitting)


def _read_torch(path: Path) -> dict[str, Tensor]:
    refuse_no_weights(path)
    limits = Limits.of_file(path.stat().st_size, bytes_per_s=_READ_BYTES_PER_S, growth=_GROWTH)
    try:
        described, parts = run_confined(read_state, str(path), limits=limits)
    except (ConfinedError, OSError) as error:
        raise _corrupt(path, error) from None
    return {
        key: torch.frombuffer(part, dtype=DTYPES[dtype]).reshape(shape)
        if part
        else torch.empty(shape, dtype=DTYPES[dtype])
        for (key, dtype, shape), part in zip(described, parts, strict=True)
    }


def _shapes(key: str, expected: Tensor, found: Tensor) -> str:
    return f"{key} {tuple(found.shape)} for {tuple(expected.shape)}"


def _refuse(source: Path, what: str, keys: list[str]) -> None:
    if not keys:
        return
    raise CheckpointError(
        f"{source}: {len(keys)} weights {what}: {list_keys(keys)}. "
        "Name the architecture that the file was saved from, or give another file."
    )


def list_keys(keys: Sequence[str]) -> str:
    """Return the first few keys of a list, as text."""
    return ", ".join(keys[:N_KEYS_SHOWN]) + (", ..." if len(keys) > N_KEYS_SHOWN else "")


def _corrupt(path: Path, error: Exception) -> CheckpointError:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    reason = shorten(lines[0], _MOST_REASON, placeholder=" ...") or type(error).__name__
    return CheckpointError(f"{path}: truncated or corrupt weight file ({reason}). {_AGAIN}")
