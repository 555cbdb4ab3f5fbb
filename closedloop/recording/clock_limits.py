"""How far two clocks of one session can run apart. Light to import: the loop looks at sizes without numpy."""

from __future__ import annotations

MOST_CLOCK_PPM = 1000.0
"""Far more than two quartzes differ (tens of ppm): beyond it a rate is wrong, or a journal is not as it was written."""
