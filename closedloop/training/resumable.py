"""State of a training between two steps, on disk: whole or absent, and only ever continued by the same training."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from closedloop.errors import CheckpointError
from closedloop.storage import read_bytes, write_bytes


@dataclass(frozen=True)
class TrainingProgress:
    """Where a training stands, for whoever shows it.

    Parameters
    ----------
    epoch
        Counted from 0; the one under way or just finished.
    step, n_steps
        Steps done of the whole training.
    loss
        Mean over the epoch so far.
    """

    epoch: int
    step: int
    n_steps: int
    loss: float


@dataclass(frozen=True)
class PartOfEpoch:
    """What is done of an epoch that was begun.

    Parameters
    ----------
    n_steps
        Done.
    loss
        Summed over the images of these.
    """

    n_steps: int = 0
    loss: float = 0.0


NOTHING_DONE = PartOfEpoch()


class Optimizer(Protocol):
    """What moves weights and can go on from an earlier state: torch's and our own."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from it."""


def fingerprint(description: str, arrays: Iterable[NDArray[Any]]) -> str:
    """Identity of a training: what it is asked for and what it is fitted to (sha256)."""
    digest = hashlib.sha256(description.encode())
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def save_training(
    path: Path | None,
    *,
    identity: str,
    module: nn.Module,
    optimizer: Optimizer,
    losses: list[float],
    begun: PartOfEpoch = NOTHING_DONE,
) -> None:
    """Write the state after ``len(losses)`` epochs and what is done of the next, if a path is given.

    Parameters
    ----------
    path
        File to write; None keeps nothing.
    identity
        Of `fingerprint`.
    module, optimizer
        Whose state is kept.
    losses
        Of the epochs that are done.
    begun
        What is done of the next one.
    """
    if path is None:
        return
    buffer = io.BytesIO()
    state = {"identity": identity, "losses": losses, "module": module.state_dict(), "optimizer": optimizer.state_dict()}
    state |= {"begun": (begun.n_steps, begun.loss)} if begun.n_steps else {}
    torch.save(state, buffer)
    write_bytes(path, buffer.getvalue())


def resume_training(path: Path | None, *, identity: str, module: nn.Module, optimizer: Optimizer) -> list[float]:
    """Restore a state saved between two epochs and return the losses of those done; empty where there is none.

    Parameters
    ----------
    path, identity, module, optimizer
        As in `resume_within_epoch`, which has what is raised, too.
    """
    return resume_within_epoch(path, identity=identity, module=module, optimizer=optimizer)[0]


def resume_within_epoch(
    path: Path | None, *, identity: str, module: nn.Module, optimizer: Optimizer
) -> tuple[list[float], PartOfEpoch]:
    """Restore a saved state; return the losses of the epochs done, and what is done of the next; empty without one.

    A state that another recipe, seed or other data left behind is passed over: the training starts again and
    overwrites it.

    Parameters
    ----------
    path
        File that `save_training` wrote; None, or one that is not there, has nothing.
    identity
        Of `fingerprint`; a state of another one is passed over.
    module, optimizer
        Changed in place.

    Raises
    ------
    CheckpointError
        The file cannot be read.
    """
    if path is None or not path.exists():
        return [], NOTHING_DONE
    state = _read(path)
    if state.get("identity") != identity:
        return [], NOTHING_DONE
    try:
        module.load_state_dict(state["module"])
        optimizer.load_state_dict(state["optimizer"])
        n_steps, loss = state.get("begun", (0, 0.0))
        return [float(one) for one in state["losses"]], PartOfEpoch(int(n_steps), float(loss))
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise _unreadable(path, error) from error


def epoch_order(n: int, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """Order of an epoch's examples, from the seed and the epoch alone.

    Parameters
    ----------
    n
        Examples.
    seed
        Of the training.
    epoch
        Counted from 0.
    """
    return np.random.default_rng([seed, epoch]).permutation(n)


def tensors_as_arrays(module: nn.Module) -> list[NDArray[Any]]:
    """All weights of a module in the order of its state dict."""
    return [_as_array(tensor) for tensor in module.state_dict().values()]


def _as_array(tensor: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.detach().cpu().numpy()
    return array


def _read(path: Path) -> dict[str, Any]:
    content = read_bytes(path)
    try:
        # in this process, not in a confined one as weights from outside are: the state of a training that was stopped
        # is half-done work of our own, written by `save_training` alone; nobody brings one
        return dict(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))
    except Exception as error:  # noqa: BLE001 - an unpickler fed with any bytes raises anything
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(f"{path}: unreadable training state ({type(error).__name__}). Delete it and run again.")
