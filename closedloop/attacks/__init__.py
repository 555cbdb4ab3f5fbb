"""Adversarial attacks on a model of recorded sites: which ball, what counts, how to search, on eight bits.

`attack` attacks any torch module in one call; `reference` is the paper's attack in plain torch, to be read first.

- `reference`: Section 3.1 of the paper.
- `searches`, `balls`, `objectives`, `gradients`: How to search, in which norm, what counts, along which gradient:
  each a table row or a small class.
- `aims`: What one item is to attain instead: a stated level, a pattern, one site alone, two models apart.
- `problem`, `engine`: What is attacked and how, and the loop that does it for many items at once.
- `lattice`: Whole grey levels inside the ball, and what they cost.
- `one_call`, `largest_change`, `synthesis`: Three uses: a module and some images; how far outputs can be moved at
  all; a day's images, as files.
- `audit`: What changed images are, from their bytes.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
