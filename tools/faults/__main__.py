"""`python -m tools.faults`: all cases, or those that are asked for. Stopped, the same command goes on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.faults.campaign import ASKED, EVERY, Campaign, Case, draw, run_all, summary
from tools.faults.shim import ACTIONS, KINDS, compiler


def main() -> int:
    """Run the campaign; return 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tools.faults", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/faults"), help="where it is run and remembered")
    parser.add_argument("--subject", choices=("day", "session"), action="append", help="both by default")
    parser.add_argument("--kind", choices=KINDS, action="append", help=f"of operation; {', '.join(EVERY)} by default")
    parser.add_argument(
        "--action", choices=ACTIONS, action="append", help=f"what happens; {', '.join(ASKED)} by default"
    )
    parser.add_argument("--states", type=int, default=100, help="how many durable states")
    parser.add_argument("--sample", type=int, help="of each kind only so many, drawn by --seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", action="append", help="one case by name, 04-schedule:sync:7:EIO; run again if it was")
    chosen = parser.parse_args()
    if compiler() is None:
        print("skipped: there is no C compiler (cc or gcc). Install gcc.")
        return 0
    campaign = Campaign(chosen.folder.resolve(), subjects=chosen.subject or ("day", "session"))
    try:
        if chosen.case:
            cases = [Case.named(text) for text in chosen.case]
            for case in cases:
                campaign.done.pop(case.name, None)
        else:
            cases = campaign.cases(
                kinds=chosen.kind or tuple(EVERY), actions=chosen.action or ASKED, n_states=chosen.states
            )
        if chosen.sample is not None:
            cases = draw(cases, chosen.sample, seed=chosen.seed)
        results = run_all(campaign, cases, lambda text: print(text, flush=True))
    finally:
        campaign.close()
    print("\n".join(summary(results)))
    return int(any(result.faults for result in results))


if __name__ == "__main__":
    sys.exit(main())
