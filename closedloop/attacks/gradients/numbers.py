"""Random numbers that are a function of their key alone: the same in every batch, on every device, in any order.

A generator an item would have to be seeded anew for each gradient and drawn from on the processor. Here a number is the
hash of (item's seed, sample's number, which transform, which pixel), so that a whole batch is drawn at once where the
images are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

UInt64s = NDArray[np.uint64]


@dataclass(frozen=True)
class Numbers:
    """Random numbers of one transform of one sample of a batch.

    Attributes
    ----------
    seeds
        Seed of each item.
    samples
        Number of each item's sample, counted over all its gradients.
    stream
        Which transform asks; different ones get unrelated numbers.
    """

    seeds: tuple[int, ...]
    samples: tuple[int, ...]
    stream: int = 0

    def spread(self, n_axes: int) -> NDArray[np.float64]:
        """Numbers in [0, 1) that fill the cube evenly as the samples of an item go on, shape (n_items, n_axes).

        Each is uniform over the items' seeds; successive samples of an item lie apart (additive recurrence with the
        powers of the generalised golden ratio, M. Roberts 2018, turned by a random offset as by Cranley and Patterson
        1976), so that few samples already average well.
        """
        axes = np.arange(1, n_axes + 1)
        step = _golden(n_axes) ** -axes.astype(np.float64)
        offset = _fraction(_mix(self._keys(counted=False)[:, None] + axes.astype(np.uint64) * _STRIDE))
        return np.asarray((offset + np.array(self.samples, dtype=np.float64)[:, None] * step) % 1.0)

    def normal(self, shape: Sequence[int], *, like: Tensor) -> Tensor:
        """Independent normal numbers, shape (n_items, *shape), on the device and in the type of `like`."""
        n = math.prod(shape)
        pairs = torch.arange((n + 1) // 2, device=like.device, dtype=torch.int64)
        keys = torch.from_numpy(self._keys(counted=True).view(np.int64)).to(like.device)
        bits = _mix_tensor(keys[:, None] + pairs * _STRIDE_SIGNED)
        # Box and Muller 1958: 24 bits a uniform number, never 0
        radius = (-2 * (((bits & _MASK) + 1).to(like.dtype) * 2.0**-24).log()).sqrt()
        angle = ((bits >> 24) & _MASK).to(like.dtype) * (2 * math.pi * 2.0**-24)
        both = torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)
        return both[:, :n].view(-1, *shape)

    def _keys(self, *, counted: bool) -> UInt64s:
        stream = np.array([self.stream], dtype=np.uint64)  # an array's products wrap without a warning
        keys = _mix(np.array(self.seeds, dtype=np.uint64) + stream * _STRIDE)
        return _mix(keys + np.array(self.samples, dtype=np.uint64)) if counted else keys


def _golden(n_axes: int) -> float:
    """Positive root of ``x ** (n_axes + 1) = x + 1``."""
    x = 1.5
    for _ in range(64):
        x = (1 + x) ** (1 / (n_axes + 1))
    return x


def _fraction(bits: UInt64s) -> NDArray[np.float64]:
    return np.asarray((bits >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def _mix(keys: UInt64s) -> UInt64s:
    """Finaliser of SplitMix64 (Steele, Lea and Flood 2014): a bijection in which every bit moves every other."""
    keys = (keys ^ (keys >> np.uint64(30))) * _FIRST
    keys = (keys ^ (keys >> np.uint64(27))) * _SECOND
    return np.asarray(keys ^ (keys >> np.uint64(31)))


def _mix_tensor(keys: Tensor) -> Tensor:
    """Finaliser of SplitMix64 on int64, whose products wrap as unsigned ones do."""
    keys = (keys ^ _shift_right(keys, 30)) * _as_signed(_FIRST)
    keys = (keys ^ _shift_right(keys, 27)) * _as_signed(_SECOND)
    return keys ^ _shift_right(keys, 31)


def _shift_right(keys: Tensor, bits: int) -> Tensor:
    """Shift right and fill with zeros; that of int64 fills with the sign."""
    return (keys >> bits) & ((1 << (64 - bits)) - 1)


def _as_signed(value: np.uint64) -> int:
    return int(value.astype(np.int64))


_STRIDE = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_STRIDE_SIGNED = _as_signed(_STRIDE)
_MASK = (1 << 24) - 1
