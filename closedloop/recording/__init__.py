"""The ground of the recording rooms: what a recording is, whoever wrote the file.

Arrays and plain values in, arrays and frozen dataclasses out; no file format, no document, no study, no day. Nothing of
ours is imported but errors and storage: `blackrock` and `ArraySource` implement the port of `source`; `detection`,
`devices` and `alignment` build upon these values and need not know each other.

- `segments`, `source`: Uninterrupted segments with their clock segments; the port for samples, and samples in memory.
- `spikes`, `codes`: What passes between the rooms: spikes, digital codes sent and received, edges of the photodiode.
- `counts`, `usability`, `activity`: Spikes per presentation and electrode, in parts; which presentations were recorded
  without a gap; when there were spikes at all.
- `sample_ranges`: Which samples lie in a range of ticks.
- `lookup`: Values by an index that may be -1.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
