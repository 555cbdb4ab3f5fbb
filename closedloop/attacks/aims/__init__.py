"""What one item is to attain, as plain values that travel with it; and stated levels, which have a search of their own.

- `kinds`: What an item may be to attain: drive, level, pattern, one site alone, two models apart.
- `together`: The objective of many items, whatever each is to attain.
- `contrasts`: What counts where sites or models are set against each other.
- `levels`, `level_bytes`: Bring a response to a stated level, and keep it there on whole grey levels.
- `side_by_side`: Several models' outputs beside each other, as those of one.
"""
