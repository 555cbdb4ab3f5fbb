"""Continuous samples (``.ns1`` to ``.ns6``) of every specification.

- `samples`, `channels`: Any part of any segment; channels by label and by number.
- `header`, `layout`, `blocks`, `packets`, `walk`: How they are read: headers, one table row a version, the walks that
  find segments and repair what is broken.
- `writer`: A streaming writer.
"""
