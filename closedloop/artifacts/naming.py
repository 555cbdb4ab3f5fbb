"""Names that decide things: seeds from names, identifiers from content.

A seed is derived from what it is for (study, day, stage, item), never from an order of work, so that a resumed or
re-batched run draws the same numbers.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

_SEED_BITS = 63  # torch.Generator.manual_seed and numpy both take any non-negative 63-bit integer
_ID_HEX_DIGITS = 16  # 64 bits: a collision among a million stimuli has probability 3e-8


def derive_seed(seed: int, *names: str | int) -> int:
    """Return a 63-bit seed that depends on the study's seed and on the names, and on nothing else."""
    text = "\x1f".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") % (1 << _SEED_BITS)


def stage_seed(seed: int, subject: str, session: int | str, stage: str, *names: str | int) -> int:
    """Return the seed of one purpose of a stage.

    Parameters
    ----------
    seed
        The protocol's.
    subject
        The animal's name.
    session
        What stands for the session where seeds are named (`Block.seed_name`).
    stage
        The stage's name.
    names
        Of the purpose.
    """
    return derive_seed(seed, subject, session, stage, *names)


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return a numpy generator seeded by `derive_seed`."""
    return np.random.default_rng(derive_seed(seed, *names))


def stimulus_id(image: NDArray[np.uint8]) -> str:
    """Return the content hash of an image's pixels (height x width x 3, uint8) together with its shape."""
    pixels = np.ascontiguousarray(image, dtype=np.uint8)
    digest = hashlib.sha256(str(pixels.shape).encode())
    digest.update(pixels.tobytes())
    return digest.hexdigest()[:_ID_HEX_DIGITS]
