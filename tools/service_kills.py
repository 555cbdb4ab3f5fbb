"""A service, its loops and its rigs, killed as often as one likes: `python -m tools.service_kills --rounds 5`.

It runs the test of `tests/loop/test_serve_kills.py`, of which `make test` has six kills, once a round, each with
moments of its own, and says each round as it ends.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

from closedloop.terminal.streams import say

TEST = "tests/loop/test_serve_kills.py"


def main() -> None:
    """Run the rounds; end with 1 where one found a byte that is another."""
    parser = argparse.ArgumentParser(prog="python -m tools.service_kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, metavar="N", help="kills of a round")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--seed", type=int, default=20261129, metavar="N", help="of the first round's moments")
    chosen = parser.parse_args()
    failed = []
    for seed in range(chosen.seed, chosen.seed + chosen.rounds):
        counts = {"SERVE_KILLS": str(chosen.kills), "SERVE_KILLS_SEED": str(seed)}
        began = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", TEST]
        code = subprocess.run(command, check=False, env=os.environ | counts).returncode
        failed += [seed] if code else []
        how = f"failed with code {code}" if code else "the same bytes"
        say(f"seed {seed}: {chosen.kills} kills, {how}, {time.monotonic() - began:.0f} s")
    say(f"{chosen.rounds * chosen.kills} kills; failed: {', '.join(map(str, failed)) or 'none'}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
