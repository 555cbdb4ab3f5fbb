"""How many channels go through the loops side by side, and how many rows at a time."""

from __future__ import annotations

from closedloop.detection.loops.processor import has

WIDE = has("avx512f")  # 32 registers of 16 floats; else 16 of 8
LANES = 16 if WIDE else 8  # floats of a register, so that the state of four sections fits into those there are
BLOCK = 2048  # rows; a tile of them stays in the processor's cache between the two directions
AT_ONCE = 256  # rows whose output waits in the fastest cache
