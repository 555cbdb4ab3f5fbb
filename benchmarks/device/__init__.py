"""`python -m benchmarks device`: what a graphics card does for a study, in one call of under ten minutes.

- `setting`: Where the parts compute, and how much.
- `attacks`, `other_work`: The parts.
- `run`: The command: a budget for each part, a table, JSON.
"""

from benchmarks.device.run import main

__all__ = ["main"]
