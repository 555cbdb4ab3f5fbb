"""Blackrock recordings: read and write NSx and NEV, detect threshold crossings, align clocks, count spikes.

Arrays and plain values in, arrays and frozen dataclasses out; no document, no study, no day.

nsx, nsx_channels, nsx_writer, nsx_faults
    Continuous samples (``.ns1`` to ``.ns6``) of every specification: any part of any stretch, channels by label and
    number; a streaming writer, and damage on request.
nsx_header, nsx_layout, nsx_blocks, nsx_packets, nsx_stretches
    How they are read: headers, one table row a version, the walks that find stretches and mend what is broken.
nev, nev_writer, nev_header, nev_layout
    Spikes, digital codes and comments (``.nev``), likewise.
info
    What is in a file, without its samples.
detection, agreement
    Threshold crossings by named definition; how well two sets of spikes agree.
alignment, segments, clock_search, code_matching, clock, photodiode
    From the rig's journal to onsets in the array's clock.
counts, arrays
    Spikes per presentation and electrode; which electrode belongs to which Utah array.
"""
