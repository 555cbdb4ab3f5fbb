"""What commands that tests start find around them, and what ends with the run of the tests.

This imports no code of the house, nor names any: tests/conftest.py rests on it, and with it every test.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

WATCHED = Path(__file__).parents[1] / "loop" / "watched"  # Python looks there first: no command can listen to anybody
ENVIRONMENT = os.environ | {
    "OMP_NUM_THREADS": "1",
    "COLUMNS": "300",
    "PYTHONPATH": os.pathsep.join(filter(None, [str(WATCHED), os.environ.get("PYTHONPATH", "")])),
}
AT_END: list[Callable[[], object]] = []
