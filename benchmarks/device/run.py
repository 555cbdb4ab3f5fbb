"""What a graphics card does for a study, in one call of under ten minutes.

Run: ``python -m benchmarks device --out device.json`` on a machine with a CUDA device. Measured are its matrix peak and
what attacks reach of it, the best batch, a share of a paper-sized day, a step of the refit, the white box, what the
studies do inside, memory, what happens where memory does not suffice, agreement with the processor, and several
processes with a card each. Every part has a budget and is cut off beyond it, the whole after nine minutes; what was
measured until then is kept. ``--cpu`` shows in seconds that all parts run, on the processor, by a small network.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks.device import attacks, other_work
from benchmarks.device.setting import Budget, Found, Part, Setting
from closedloop.storage import write_bytes

MOST_S = 530.0
"""Seconds of the whole, whatever the device."""

PARTS: dict[str, tuple[float, Part]] = {
    "several": (60, attacks.several),
    "peak": (15, attacks.peak),
    "agreement": (45, attacks.agreement),
    "batches": (90, attacks.batches),
    "paper_day": (110, attacks.paper_day),
    "full_card": (50, attacks.full_card),
    "refit_step": (45, other_work.refit_step),
    "white_box": (35, other_work.white_box),
    "units": (35, other_work.units),
    "geometry": (35, other_work.geometry),
}
"""Each part with its budget in seconds, in their order: the first while this process has used no card and can fork."""

_OVERDRAWN = 1.25  # times its budget, and a part is cut off


class _OutOfTimeError(Exception):
    """A part took too long."""


def main(words: Sequence[str] | None = None, *, parts: Mapping[str, tuple[float, Part]] = PARTS) -> None:
    """Measure, print the table, and write it as JSON where it is wanted.

    Parameters
    ----------
    words
        The command's; those of this process by default.
    parts
        What is measured, each with its budget.

    Raises
    ------
    SystemExit
        Something is not as it has to be.
    """
    options = _options(words)
    torch.set_num_threads(1)
    if not options.cpu and not torch.cuda.device_count():
        print(
            "device: expected a CUDA device, found none that torch can use: nothing is measured. --cpu tries the parts."
        )
        return
    setting = Setting("cpu" if options.cpu else "cuda", tiny=options.cpu)
    began, found = time.monotonic(), dict[str, Found]()
    for name, (seconds, part) in parts.items():
        left_s = MOST_S - (time.monotonic() - began)
        found[name] = _measured(name, part, setting, found, seconds=min(seconds, left_s / _OVERDRAWN))
        for row in found[name].rows:
            print(f"{row[0]}: {row[1]}", file=sys.stderr, flush=True)
        if options.out:
            write_bytes(options.out, json.dumps({each: asdict(one) for each, one in found.items()}, indent=1).encode())
    print("\n".join(table(setting, found, seconds=time.monotonic() - began)))
    if failed := [f"{name}: {line}" for name, one in found.items() for line in one.failed]:
        sys.exit("\n".join(failed))


def table(setting: Setting, found: dict[str, Found], *, seconds: float) -> Iterator[str]:
    """Yield a section of docs/benchmarks.md.

    Parameters
    ----------
    setting
        Where it was measured.
    found
        What each part found.
    seconds
        How long all took.
    """
    where = "on the processor, tiny: no figures, only that all parts run" if setting.tiny else "on a CUDA device"
    yield f"`python -m benchmarks device`, {where} ({setting.network}; {seconds:.0f} s in all).\n"
    yield "| what | figure |"
    yield "|---|---|"
    for one in found.values():
        yield from (f"| {what} | {figure} |" for what, figure in one.rows)


def _measured(name: str, part: Part, setting: Setting, before: dict[str, Found], *, seconds: float) -> Found:
    """Return what a part finds; what it failed by, where it did."""
    if seconds <= 0:
        return Found(((name, "not measured: no time was left"),), {}, ("no time was left",))
    began = time.monotonic()
    try:
        with _cut_off(seconds * _OVERDRAWN):
            return part(setting, Budget(seconds), before)
    except _OutOfTimeError:
        line = f"cut off after {time.monotonic() - began:.0f} s"
    except Exception as error:  # noqa: BLE001 - the other parts are measured all the same; the exit code tells
        traceback.print_exc()
        line = f"{type(error).__name__}: {error}".splitlines()[0]
    return Found(((name, f"not measured: {line}"),), {}, (line,))


@contextmanager
def _cut_off(seconds: float) -> Iterator[None]:
    """Raise in the block once it has taken too long."""

    def end(_number: int, _frame: object) -> None:
        raise _OutOfTimeError

    before = signal.signal(signal.SIGALRM, end)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, before)


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks device", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cpu", action="store_true", help="try all parts on the processor, tiny")
    parser.add_argument("--out", type=Path, help="file for the figures, JSON; written after each part")
    return parser.parse_args(words)
