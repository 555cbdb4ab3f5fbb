"""`python -m benchmarks scaling`: what ten times the work costs.

- `sizes`: The studies that are measured.
- `measured`: One study, stage by stage.
- `slopes`: Slopes with their standard errors.
- `large`: Bytes, hours and money of a large experiment, from measured constants.
- `full_size`: What can be run at full size, on made-up responses.
- `words`, `picture`: Tables and the picture.
- `run`: The command.
"""

from benchmarks.scaling.run import main

__all__ = ["main"]
