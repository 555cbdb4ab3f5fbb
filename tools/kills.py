"""A rig in real time, killed and hung up as often as one likes: `make kills`.

It runs `tests/unit/rig/test_kills_in_real_time.py`, of which `make test` has a dozen kills and four closed terminals,
and says each cycle as it comes, with the seed that draws them and how long the rest takes.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time

from closedloop.terminal.streams import say

TEST = "tests/unit/rig/test_kills_in_real_time.py"
_CYCLE = re.compile(r"(?P<what>kill|hang-up) (?P<number>\d+) of (?P<n>\d+) \(seed \d+\): ")


class Rest:
    """How long the rest takes, from the cycles so far; kills and hang-ups have a pace of their own."""

    def __init__(self) -> None:
        self._begun_s: dict[str, float] = {}

    def told(self, line: str, now_s: float) -> str:
        """Return a line of the tests, with the time left where it is a cycle's.

        Parameters
        ----------
        line
            As the tests said it.
        now_s
            Any clock, seconds.
        """
        found = _CYCLE.search(line)
        if found is None:
            return line
        begun_s = self._begun_s.setdefault(found["what"], now_s)
        n_done, n_left = int(found["number"]) - 1, int(found["n"]) - int(found["number"])  # since the first was said
        left = f"{(now_s - begun_s) / n_done * n_left / 60:.1f} min of these left" if n_done else "time left unknown"
        return f"{line}; {left}"


def main() -> None:
    """Run the cycles; the exit code is that of the tests."""
    parser = argparse.ArgumentParser(prog="python -m tools.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=60, metavar="N", help="times the rig is killed")
    parser.add_argument("--hang-ups", type=int, default=20, metavar="N", help="times its terminal is closed")
    parser.add_argument("--seed", type=int, default=20261128, metavar="N", help="draws after how many codes")
    chosen = parser.parse_args()
    counts = {"RIG_KILLS": chosen.kills, "RIG_HANGUPS": chosen.hang_ups, "RIG_KILLS_SEED": chosen.seed}
    command = [sys.executable, "-m", "pytest", "-s", "-m", "display", "-k", "kills_lose or closed_terminals", TEST]
    environment = os.environ | {name: str(count) for name, count in counts.items()}
    rest = Rest()
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as tests:
        for line in tests.stdout or ():
            say(rest.told(line.rstrip("\n"), time.monotonic()))
    sys.exit(tests.returncode)


if __name__ == "__main__":
    main()
