"""Spikes, digital words, comments and pauses (``.nev``) of every specification, by epoch and tick.

events, waveforms
    What is read.
survey, header, layout, packets, scan, order, kinds, collect, comments
    How: one pass that looks, one that takes packets in order, in bounded memory.
runs, epochs, matching, pauses
    Which packets are of which run of the clock, agreed with the NSx's epochs; when was recorded.
writer, packing, faults
    A streaming writer, and damage on request.
"""
