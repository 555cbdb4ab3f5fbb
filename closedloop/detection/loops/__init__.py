"""The loops over samples: written in Python, compiled by numba once, kept as machine code.

- `called`: What the rest of the room calls.
- `kernels`, `search_kernels`, `crossing_kernels`, `lanes`, `tiles`: The loops, and the register of channels that they
  run on.
- `processor`: What the processor can do.
- `compiled`, `compile_kernels`, `machine_code`: How they become machine code, and where it is kept; numba is imported
  only to make it.
"""
