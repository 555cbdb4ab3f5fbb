"""Where independent pieces of work are done: in this process, in several of this machine, or in a cluster's.

- `workers`: ``4``, ``local:4``, ``dask:4``, ``tcp://host:8786``, ``slurm:FILE``: who does the work; `run_pieces` has
  it done.
- `shards`: A piece's result is a file that exists whole or not at all; one that exists is not made again.
- `local`, `dask`: The two ways of having it done elsewhere; dask has no other home.
- `stored`: For workers that see none of this machine's files: what they need and leave goes through a store.
"""
