"""How many channels go through the loops side by side, and how many rows at a time."""

from __future__ import annotations

from closedloop.detection.loops.processor import has

LANES = (
    16 if has("avx512f") else 8
)  # floats of a register, so that the state of four sections fits into those there are
BLOCK = 2048  # rows; a tile of them stays in the processor's cache between the two directions
AT_ONCE = 256  # rows whose output waits in the fastest cache
