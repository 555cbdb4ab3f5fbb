"""Blackrock recordings: read and write NSx and NEV, detect threshold crossings, align clocks, count spikes.

Arrays and plain values in, arrays and frozen dataclasses out; no document, no study, no day.

nsx, nsx_channels, nsx_writer, nsx_faults
    Continuous samples (``.ns1`` to ``.ns6``) of every specification: any part of any stretch, channels by label and
    number; a streaming writer, and damage on request.
nsx_header, nsx_layout, nsx_blocks, nsx_packets, nsx_stretches
    How they are read: headers, one table row a version, the walks that find stretches and mend what is broken.
nev, nev_waveforms, nev_writer, nev_faults
    Spikes, digital codes, comments and pauses (``.nev``) of every specification by epoch and tick; likewise.
nev_survey, nev_header, nev_layout, nev_packets, nev_scan, nev_order, nev_kinds, nev_collect, nev_comments, nev_packing
    How they are read and written: one pass that looks, one that takes packets in order, in bounded memory.
nev_runs, nev_epochs, nev_matching, nev_pauses
    Which packets are of which run of the clock, agreed with the NSx's epochs; when was recorded.
info
    What is in a file, without its samples.
detection, spike_definitions, agreement
    Threshold crossings by named definition; how well two sets of spikes agree.
crossings, filtering, filter_design, search, noise, detection_kernels, lanes
    How they are found: piece by piece, each filtered as part of its whole stretch, in one pass that gives the exact
    noise and the crossings, on sixteen channels at a time.
alignment, alignment_quality, codes
    From the rig's journal to onsets on the clocks of one or several devices, and the report on codes, clocks and light.
run_search, clock_search, placement, pairing, code_matching, clock, markers
    Its steps: where runs of the rig lie on epochs, who is whose, which clock follows, which moments can be known.
photodiode, light, one_device, shared_light
    Edges of the light, whose they are, and light that another device saw.
device, device_part, device_files, device_light, epoch_maps
    All files of one processor of the recorder, on one set of epochs.
counts, usability
    Spikes per presentation and electrode, in parts; which presentations were recorded without a gap.
arrays, array_files
    Which electrode belongs to which Utah array, its name across days, and maps (``.cmp``).
"""
