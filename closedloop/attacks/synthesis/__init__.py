"""Many attacks as files: any workers, shards that survive a crash, the same bytes whoever computes them.

- `synthesize`: The one call: items in, attacked images and predictions out.
- `items`: What to attack, and what was found.
- `sources`: Where a worker gets the model from.
- `both_directions`: Attacks of items, up and down, on the lattice, the larger predicted change kept.
- `at_levels`: Items that are to bring a response to a stated level.
- `decoded`, `members`: What a decoder reads, and the members of an ensemble, as models to be driven.
- `work`: What one process has to find.
- `pieces`, `shards`: Work that one process does, and the files that it leaves.
"""
