"""`closedloop serve`: its options, and what stands behind them."""
