"""Every test runs torch on one thread: two are slower on two cores (facts of the machine)."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
