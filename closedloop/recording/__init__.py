"""Blackrock recordings: read and write NSx and NEV, detect threshold crossings, align clocks, count spikes.

Arrays and plain values in, arrays and frozen dataclasses out; no document, no study, no day.

nsx, nev
    The files: read and written, every specification, mended where that can be.
devices
    All files of one processor of the recorder, on one set of epochs.
info
    What is in a file, without its samples.
detection, spike_definitions, agreement
    Threshold crossings by named definition; how well two sets of spikes agree.
crossings, filtering, filter_design, search, noise, detection_kernels, lanes
    How they are found: piece by piece, each filtered as part of its whole stretch, in one pass that gives the exact
    noise and the crossings, on sixteen channels at a time.
alignment
    From the rig's journal to onsets on the clocks of one or several devices.
counts, usability
    Spikes per presentation and electrode, in parts; which presentations were recorded without a gap.
arrays, array_files
    Which electrode belongs to which Utah array, its name across days, and maps (``.cmp``).
stretches, source, spikes, chunks
    What passes between them: stretches of recording with their epochs, the port for samples, spikes.
"""
