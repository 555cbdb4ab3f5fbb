"""Continuous samples (``.ns1`` to ``.ns6``) of every specification.

samples, channels
    Any part of any segment; channels by label and by number.
header, layout, blocks, packets, walk
    How they are read: headers, one table row a version, the walks that find segments and mend what is broken.
writer, faults
    A streaming writer, and damage on request.
"""
