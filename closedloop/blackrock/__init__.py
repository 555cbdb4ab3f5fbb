"""Blackrock files: NSx and NEV read, repaired and written, what is in a file, array maps. Bytes in, arrays out.

Imports errors, storage and `recording` alone: `recording` is the ground on which the rooms of a recording meet, and
`NsxSamples` implements its port for samples, so that detection reads a file without knowing the format.

- `nsx`, `nev`: Continuous samples; spikes, digital codes, comments and pauses. Every specification, repaired where
  that can be.
- `info`: What is in a file, in bounded memory. `neo_objects`: the same files as neo's objects, for whoever wants them.
- `scale_from_nev`: The scale of a 2.1 NSx file, which has none of its own.
- `arrays`, `maps`: Which electrode belongs to which Utah array, its name across days, and maps (``.cmp``).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
