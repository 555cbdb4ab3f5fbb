"""Threshold crossings by named definition.

detect, definitions, agreement
    Spikes of any source of samples; what counts as one; how well two sets of spikes agree.
crossings, filtering, filter_design, search, noise, kernels, lanes
    How they are found: piece by piece, each filtered as part of its whole segment, in one pass that gives the exact
    noise and the crossings, on sixteen channels at a time.
"""
