"""`python -m tools.changed`: run the fast tests that can reach what has changed since they passed; `make check` does.

A run remembers which files of tests passed with which bytes in reach. `--all` runs every fast test, `--list` none:
it prints what would be run.
"""

from __future__ import annotations

import argparse
import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.changed.record import read_record, write_record
from tools.changed.selection import select
from tools.changed.tree import Tree

ROOT = Path(__file__).parents[2]
RECORD = ROOT / ".cache" / "passed.json"


class Outcomes:
    """A plugin of pytest: the files in which something failed."""

    def __init__(self) -> None:
        self.failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test, or what comes before or after it, that failed."""
        if report.failed:
            self.failed.add(report.nodeid.split("::")[0])

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that could not be read."""
        if report.failed:
            self.failed.add(report.nodeid.split("::")[0])


def main() -> int:
    """Select, say so, run, and remember what passed."""
    parser = argparse.ArgumentParser(prog="python -m tools.changed", description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="run every fast test, passed or not")
    parser.add_argument("--list", action="store_true", help="run none: print the files that would be run")
    parser.add_argument("--workers", type=int, default=2, help="processes that run them")
    options = parser.parse_args()
    record = read_record(RECORD)
    gc.disable()  # code that was read is kept: to look for garbage in it takes three times as long as to read it
    try:
        selection = select(ROOT, record)
    except (OSError, subprocess.CalledProcessError):
        sys.stdout.write("Git does not list the files here: every fast test is run, and none remembered.\n")
        sys.stdout.flush()
        return _run([str(ROOT / "tests")], options.workers, Outcomes())
    sys.stdout.write(selection.explained())
    sys.stdout.flush()
    files = sorted(selection.keys if options.all else selection.reasons)
    if options.list:
        sys.stdout.writelines(f"{file}\n" for file in files)
        return 0
    code, outcomes = 0, Outcomes()
    if files:
        code = _run(files, options.workers, outcomes)
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            return code  # not all of them were run
        same = Tree(ROOT).everything == selection.digests
        after = selection.keys if same else select(ROOT, record).keys  # a file was written to while the tests ran
        for file in files:
            if file not in outcomes.failed and after.get(file) == selection.keys[file]:
                record.add(file, selection.keys[file])
    record.last = dict(selection.digests)
    write_record(RECORD, record)
    return code


def _run(places: list[str], workers: int, outcomes: Outcomes) -> int:
    gc.enable()
    os.environ.pop("PYTEST_ADDOPTS", None)  # it could leave tests out
    words = ["-n", str(workers), "--dist", "worksteal", "-m", "not slow", *places]
    code = pytest.main(words, plugins=[outcomes])
    return int(pytest.ExitCode.OK if code == pytest.ExitCode.NO_TESTS_COLLECTED else code)


if __name__ == "__main__":
    sys.exit(main())
