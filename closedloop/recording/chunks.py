"""Pieces of a continuous recording, as they pass from whoever makes samples to the file."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Chunk: TypeAlias = tuple[int, NDArray[np.int16]]
"""First tick of the chunk in the array's clock, and its samples, shape (n_samples, n_channels), in bits."""
