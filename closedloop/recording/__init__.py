"""Blackrock recordings: read and write NSx and NEV, detect threshold crossings, align clocks, count spikes.

Arrays and plain values in, arrays and frozen dataclasses out; no document, no study, no day.

nsx, nev
    The files: read and written, every specification, mended where that can be.
devices
    All files of one processor of the recorder, on one set of epochs.
info
    What is in a file, without its samples.
detection
    Threshold crossings by named definition.
alignment
    From the rig's journal to onsets on the clocks of one or several devices.
counts, usability
    Spikes per presentation and electrode, in parts; which presentations were recorded without a gap.
arrays, array_files
    Which electrode belongs to which Utah array, its name across days, and maps (``.cmp``).
segments, source, spikes, chunks
    What passes between them: segments of recording with their epochs, the port for samples, spikes.
"""
