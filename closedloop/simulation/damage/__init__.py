"""Damage to written NSx and NEV files, as recorders, cables, disks and copies do it: on request, one function each."""
