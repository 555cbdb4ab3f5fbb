"""Does `make test` hold on a busy machine? `make flakes` runs it again and again and lists what failed, and when.

Beside it stand what a laboratory's machine may have: processes that take all the time they can get, somebody's own
Dask cluster, and port 8787 taken. Each run has an order and seeds of its own, which its log names.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

DASK_DASHBOARD_PORT = 8787
_BURNER = """
import os
parent = os.getppid()
while os.getppid() == parent:
    sum(range(1_000_000))
"""
_FOREIGN_CLUSTER = """
import sys, distributed
if __name__ == "__main__":
    with distributed.LocalCluster(n_workers=1, dashboard_address=sys.argv[1]):
        print("ready", flush=True)
        sys.stdin.read()
"""
_CLOSING_LINE = re.compile(r"^=*\s*((?:\d+ \w+(?:, )?)+) in [\d.]+s", re.MULTILINE)
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?)(?: - .*)?$", re.MULTILINE)
_SEED = re.compile(r"random seed: (\d+)|--randomly-seed=(\d+)")


@dataclass(frozen=True)
class Run:
    """One run of the tests: how it ended, and what its log says."""

    exit_code: int
    minutes: float
    log: str

    @property
    def failed(self) -> list[str]:
        """The tests that failed, by name."""
        return sorted(set(_FAILED.findall(self.log)))

    @property
    def row(self) -> str:
        """A line of the table."""
        seeds = [first or second for first, second in _SEED.findall(self.log)]
        counts = "; ".join(_CLOSING_LINE.findall(self.log)) or "no closing line"
        outcome = "passed" if self.exit_code == 0 else f"exit {self.exit_code}"
        return f"{outcome:8} {self.minutes:5.1f} min  {counts}  seeds {', '.join(seeds)}  {' '.join(self.failed)}"


def main() -> None:
    """Run the tests N times under load; exit 1 if any run failed."""
    parser = argparse.ArgumentParser(prog="python -m tools.flakes", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10, help="how many times")
    parser.add_argument("--load", type=int, default=6, help="how many processes compute beside the tests")
    parser.add_argument("--out", type=Path, default=Path("runs/flakes"), help="where each run's log goes")
    parser.add_argument("--command", default="make test", help="what is run")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    runs = []
    with busy_machine(options.load):
        for number in range(1, options.runs + 1):
            runs.append(run(shlex.split(options.command), options.out / f"run-{number:02}.log"))
            sys.stdout.write(f"{number:3} {runs[-1].row}\n")
            sys.stdout.flush()
    for name, count in Counter(name for each in runs for name in each.failed).most_common():
        sys.stdout.write(f"{count} of {len(runs)}: {name}\n")
    sys.exit(any(each.exit_code for each in runs))


def run(command: list[str], log: Path) -> Run:
    """Run the tests once, with all that they say in a log."""
    begun = time.monotonic()
    environment = os.environ | {"PYTEST_ADDOPTS": "-v"}  # each test's name as it ends, also where a run is broken off
    with log.open("wb") as written:
        finished = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, stdout=written, stderr=written, env=environment
        )
    return Run(finished.returncode, (time.monotonic() - begun) / 60, log.read_text(errors="replace"))


@contextmanager
def busy_machine(n_burners: int) -> Iterator[None]:
    """Keep processes that compute, somebody's Dask cluster, and whoever else may hold its port."""
    with ExitStack() as stack:
        cluster = stack.enter_context(  # it ends when its input does
            subprocess.Popen(
                [sys.executable, "-c", _FOREIGN_CLUSTER, f"127.0.0.1:{DASK_DASHBOARD_PORT}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        )
        if cluster.stdout is None or cluster.stdout.readline() != b"ready\n":
            sys.exit("python -m tools.flakes: expected a Dask cluster beside the tests, found none. Is it installed?")
        port = stack.enter_context(socket.socket())
        with suppress(OSError):  # the cluster has it
            port.bind(("127.0.0.1", DASK_DASHBOARD_PORT))
            port.listen()
        for _ in range(n_burners):
            burner = stack.enter_context(subprocess.Popen([sys.executable, "-c", _BURNER]))
            stack.callback(burner.kill)
        yield


if __name__ == "__main__":
    main()
