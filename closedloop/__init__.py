"""closedloop: a closed-loop adversarial experiment in monkey IT cortex (Guo et al. 2022, and past it).

Users of the library begin with `open_study`, or with one of the rooms, packages with one purpose each: `attacks`,
`models`, `blackrock`, `recording`, `detection`, `alignment`, `analysis`, `stimuli`, `training`. What a room offers
stands in its ``__init__.pyi``, and ``dir(closedloop.attacks)`` lists it.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
