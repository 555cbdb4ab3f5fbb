"""Reading and writing files of weights: nothing but tensors comes in, the same tensors always give the same bytes."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor, nn

from closedloop.errors import CheckpointError
from closedloop.plain_text.json_text import parse_json
from closedloop.storage import write_bytes

METADATA_KEY = "closedloop"  # one key: safetensors writes several in no fixed order
WRAPPERS = ("module.", "model.")  # DataParallel's, and the robustness library's AttackerModel
SIBLINGS = ("attacker.", "normalizer.")  # the robustness library keeps the network a second time, and its normaliser
NESTINGS = ("model", "state_dict")
BATCH_COUNTER = "num_batches_tracked"  # older torchvision files lack it; nothing here uses it
N_KEYS_SHOWN = 3
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
    _require(path)
    try:
        with safe_open(path, framework="pt") as stream:
            text = (stream.metadata() or {}).get(METADATA_KEY, "{}")
    except (SafetensorError, ValueError, OSError) as error:
        raise _corrupt(path, error) from None
    described = parse_json(text, place=f"{path}: its description", error=CheckpointError, remedy=_AGAIN)
    if not isinstance(described, dict):
        raise CheckpointError(f"{path}: its description: expected keys with values, found {described!r:.60}. {_AGAIN}")
    return described


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Read all tensors of a safetensors file.

    Raises
    ------
    CheckpointError
        The file is missing, truncated or corrupt.
    """
    _require(path)
    try:
        return tensors_from_bytes(path.read_bytes())
    except (SafetensorError, ValueError, OSError) as error:
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
    content = read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    for nesting in NESTINGS:
        if isinstance(content, Mapping) and isinstance(content.get(nesting), Mapping):
            content = content[nesting]
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"{path}: expected a state dict, found {type(content).__name__}. Save model.state_dict()."
        )
    state = {_plain_key(str(key)): value for key, value in content.items() if isinstance(value, Tensor)}
    state.pop("", None)
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
    _refuse(source, "not finite", [k for k in expected if not bool(torch.isfinite(fitting[k]).all())])
    module.load_state_dict(fitting)


def _read_torch(path: Path) -> Any:
    _require(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if not zipfile.is_zipfile(path):
            raise _corrupt(path, error) from None
        raise CheckpointError(
            f"{path}: holds Python objects beyond tensors, which are not loaded. Where you trust the file, "
            "save its state dict alone: torch.save(checkpoint['model'], FILE)."
        ) from None
    except Exception as error:  # noqa: BLE001 - an unpickler fed with any bytes raises anything
        raise _corrupt(path, error) from None


def _plain_key(key: str) -> str:
    """Key without wrappers; empty for a sibling of the network."""
    while key.startswith(WRAPPERS):
        key = key.partition(".")[2]
    return "" if key.startswith(SIBLINGS) else key


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


def _require(path: Path) -> None:
    if not path.is_file():
        raise CheckpointError(f"{path}: no such weight file. Check the path, or use a shipped base model by its name.")


def _corrupt(path: Path, error: Exception) -> CheckpointError:
    reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
    return CheckpointError(f"{path}: truncated or corrupt weight file ({reason}). {_AGAIN}")
