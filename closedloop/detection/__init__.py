"""Threshold crossings by named definition, and photodiode onsets: samples of any source in, spikes out.

- `spikes`, `definitions`, `agreement`: Spikes of any source of samples; what counts as one; how well two sets of
  spikes agree.
- `photodiode`: Rising edges of a photodiode's voltage.
- `crossings`, `filtering`, `filter_design`, `iir_design`, `search`, `noise`, `dropouts`, `bridging`, `loops`:
  How they are found: piece by piece, each filtered as part of its whole segment, in one pass that gives the exact noise
  and the crossings, on sixteen channels at a time; dropouts of a bank aside.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
