"""Spikes, digital codes, comments and pauses (``.nev``) of every specification, by clock segment and tick.

- `events`, `waveforms`: What is read.
- `header`, `layout`, `packets`: How: headers and packets, one table row a version.
- `scan`, `runs`, `clock_segments`, `survey`, `order`: One pass that looks, which finds runs of the clock, their clock
  segments and pauses; one that takes packets in order, in bounded memory.
- `writer`, `packing`: A streaming writer.
"""
