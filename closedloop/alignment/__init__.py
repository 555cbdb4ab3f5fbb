"""From the rig's journal to onsets on the clocks of one or several devices.

- `alignment`, `quality`, `code_lists`: The alignment and the report on codes, clocks and photodiode.
- `run_search`, `clock_search`, `placement`, `pairing`, `code_matching`, `clock`, `markers`: Its steps: where launches
  of the rig lie on clock segments, which codes are pairs, which clock follows, which moments can be known.
- `photodiode`, `one_device`, `shared_photodiode`: Which edge is whose onset, and onsets that another device recorded.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
