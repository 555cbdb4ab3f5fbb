"""Measured figures of docs/benchmarks.md; `python -m benchmarks` runs them."""
