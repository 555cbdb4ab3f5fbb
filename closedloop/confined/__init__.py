"""Foreign files read in a process of its own: a library that hangs, crashes or swells takes nothing with it.

HDF5, Arrow and torch read whatever bytes they are given with code that nobody can check from here. What they find out
is asked of a helper: a process that holds these libraries and nothing else. It forks a child, which answers one
question after another within a limit of time and memory for each, through a pipe, in JSON and plain bytes; no pickle
comes back. A child ends with the first question that it cannot answer: the next one is asked of a new child.

The helper is started, not forked from this process: that is safe whatever runs here (Dask's threads, a notebook's, a
GPU), its size is known, and so is what a child needs on top. It starts with the first question (.2 s), a question costs
a ms or two, and it ends with this process.
"""
