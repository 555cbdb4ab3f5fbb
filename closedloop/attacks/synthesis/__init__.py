"""Many attacks as files: any workers, shards that survive a crash, the same bytes whoever computes them.

- `synthesize`: The one call: items in, attacked images and predictions out.
- `items`: What to attack, and what was found.
- `sources`: Where a worker gets the model from.
- `both_directions`: Attacks of items, up and down, on the lattice, the larger predicted change kept.
- `pieces`, `shards`: Work that one process does, and the files that it leaves.
"""
