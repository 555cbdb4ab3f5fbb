"""Which architecture a state dict belongs to, from its keys and shapes alone.

Two networks of the same keys and shapes cannot be told apart: a ResNet-50 with the stride in the first convolution of a
block (He et al. 2016) looks like torchvision's, which has it in the second, and is read as torchvision's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from closedloop.errors import CheckpointError
from closedloop.models.backbones import ARCHITECTURES, architecture_named, build_network
from closedloop.models.weight_files import BATCH_COUNTER, list_keys

HEAD = "fc."
HEAD_WEIGHT = f"{HEAD}weight"


@dataclass(frozen=True)
class Match:
    """How a state dict fits an architecture.

    Parameters
    ----------
    architecture
        Row of ``models.backbones.ARCHITECTURES``.
    read
        Keys that the network takes.
    unused
        Keys that it does not know.
    missing
        Keys that it needs and the state dict lacks, or has in another shape; never those of the last layer.
    n_classes
        Outputs of the last layer; 0 where the state dict has no last layer.
    """

    architecture: str
    read: tuple[str, ...]
    unused: tuple[str, ...]
    missing: tuple[str, ...]
    n_classes: int


def recognise(state: Mapping[str, Tensor], *, source: Path) -> Match:
    """Find the architecture that a state dict was saved from: the one that takes most of its keys and misses none.

    Raises
    ------
    CheckpointError
        No architecture of the table fits; the closest is named with what it misses.
    """
    matches = [compare(state, name) for name in ARCHITECTURES]
    fitting = [match for match in matches if not match.missing]
    if not fitting:
        closest = max(matches, key=lambda match: len(match.read) - len(match.missing))
        raise CheckpointError(
            f"{source}: expected the keys and shapes of one of {', '.join(ARCHITECTURES)}, found none of them. The "
            f"closest, {closest.architecture}, misses {len(closest.missing)} of "
            f"{len(closest.missing) + len(closest.read)}: {list_keys(closest.missing)}. "
            "Give a state dict of one of these."
        )
    return max(fitting, key=lambda match: len(match.read))


def compare(state: Mapping[str, Tensor], architecture: str) -> Match:
    """Compare a state dict with an architecture key by key; see ``Match``."""
    n_classes = classes_of(state)
    expected = _shapes(architecture, n_classes or architecture_named(architecture).n_classes)
    fits = {key for key, shape in expected.items() if key in state and tuple(state[key].shape) == shape}
    needed = [key for key in expected if not key.endswith(BATCH_COUNTER) and (n_classes or not key.startswith(HEAD))]
    return Match(
        architecture,
        read=tuple(key for key in state if key in fits),
        unused=tuple(key for key in state if key not in expected),
        missing=tuple(key for key in needed if key not in fits),
        n_classes=n_classes,
    )


def classes_of(state: Mapping[str, Tensor]) -> int:
    """Count the outputs of a state dict's last layer; 0 where it has none."""
    weight = state.get(HEAD_WEIGHT)
    return int(weight.shape[0]) if weight is not None and weight.ndim == 2 else 0


def classes_that_fit(state: Mapping[str, Tensor], architecture: str) -> int:
    """Count the outputs of a state dict's last layer; 0 where it has none that this architecture can have."""
    return classes_of(state) if HEAD_WEIGHT in compare(state, architecture).read else 0


@cache
def _shapes(architecture: str, n_classes: int) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of an architecture; on the meta device, so that nothing is allocated."""
    with torch.device("meta"):
        network = build_network(architecture, n_classes=n_classes)
    return {key: tuple(value.shape) for key, value in network.state_dict().items()}
