"""`python -m tools.fuzz`: mutants of sound files through every reader; the exit code is 1 where one is faulty."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.fuzz.readers import READERS
from tools.fuzz.run import fuzz, read_kept, summary_lines

_N_INPUTS = 50_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, or read one kept input again."""
    wanted = _parser().parse_args(arguments)
    chosen = [READERS[name] for name in wanted.reader or READERS]
    if wanted.input is not None:
        ending = read_kept(chosen[0], wanted.input)
        _print(f"{ending.verdict.outcome} after {ending.seconds:.2f} s: {ending.verdict.kind}\n{ending.verdict.detail}")
        return int(ending.verdict.outcome == "fault")
    found = fuzz(chosen, n=wanted.n, seed=wanted.seed, folder=wanted.folder)
    _print("\n".join(summary_lines(found)))
    return int(any(one.outcomes.get("fault") for one in found.values()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tools.fuzz", description=__doc__)
    parser.add_argument("--reader", action="append", choices=sorted(READERS), help="once for each; all if left out")
    parser.add_argument("--n", type=int, default=_N_INPUTS, help="number of inputs in all")
    parser.add_argument("--seed", type=int, default=0, help="another one gives other inputs")
    parser.add_argument("--folder", type=Path, default=Path("runs/fuzz"), help="sound files, summary, faulty inputs")
    parser.add_argument("--input", type=Path, help="read this one alone, by the one --reader, and say what comes of it")
    return parser


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
