"""`closedloop replay`: its options, and what stands behind them."""
