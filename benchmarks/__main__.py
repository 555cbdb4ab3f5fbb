"""`python -m benchmarks [NAME]`: the figures of docs/benchmarks.md, each beside its peers in one run."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

NAMES = {
    "first_light": "the six-day dry run, timed, and what it must show (the default)",
    "arms": "whether a study's arms rank as the hidden truth ranks them, three simulated subjects (half an hour)",
    "allocation": "arms whose shares earlier days decide: coverage, bias, false alarms, over simulated experiments",
    "attack_speed": "attacks against foolbox, torchattacks and robustness: the same gradients, the same gain",
    "attack_gain": "what each search gains for its gradients, on float images and on bytes",
    "calibrations": "what the calibrations of valve and light recover of a known truth, with noise",
    "device": "attacks, refit and studies on a CUDA device in nine minutes: speed, memory, agreement (--cpu: a try)",
    "detection": "threshold crossings of 192 channels against SpikeInterface, neo and scipy",
    "display_uploads": "what an image costs on its way to the screen, beside plain PsychoPy loops (needs an X server)",
    "evolution": "whether images evolved by counts go above natural ones in truth, three simulated subjects (an hour)",
    "gates": "what gates say of faults made for them, and of simulated days without one (--studies: finished ones)",
    "gates_paper_day": "how long each gate takes on a day of the paper's size, made up",
    "lattice": "what whole grey levels cost an attack, and what steps there gain back (--trained: a ResNet-50 too)",
    "nev": "ten million packets of a NEV file against neo",
    "scaling": "what ten times the sites, images, epsilons, presentations or days cost each stage (half an hour)",
    "site_identity": "steady sites called changed, and exchanged, dead and retuned ones found, over simulated subjects",
    "objectives": "what levels and other objectives attain by the model and in truth (--study: a finished one)",
    "page_hour": "what a page and its service grow by in an hour, by the clock, over 3,000 presentations (an hour)",
    "plan_expectations": "what `closedloop plan` expects against simulated days: standard errors, power to see growth",
    "preference": "preferred levels of simulated sites against the truth, their intervals, and the largest mean's bias",
    "refit": "the refit against a plain PyTorch loop, by 1, 2 and 4 processes, and with a frozen stem (two free cores)",
    "reviewing": "how often the intervals of the cross-prediction table hold the truth, over simulated sessions",
    "service_at_rest": "memory and processor time of the service while several studies wait, with a page open",
    "subjects": "parts of the white box by ahead.yaml and by the paper's way, five simulated subjects (three hours)",
    "transfer": "what the simulated cortex really does under attacks by each gradient, at equal numbers of gradients",
    "white_box_bound": "the white-box bound of each hidden cortex by search, restarts and steps, and what each costs",
    "nsx_reading": "raw voltage from an NSx file against neo",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"  {name:<18} {what}" for name, what in NAMES.items()),
    )
    parser.add_argument("name", nargs="?", default="first_light", choices=NAMES, metavar="NAME", help="see below")
    options, rest = parser.parse_known_args()
    sys.argv = [f"python -m benchmarks {options.name}", *rest]
    import_module(f"benchmarks.{options.name}").main()


main()
