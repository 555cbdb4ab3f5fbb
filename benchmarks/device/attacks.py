"""Attacks on a device: its peak, the best batch, a share of a paper-sized day, a full card, agreement, several."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.arithmetic import flop_of_a_gradient, matrix_peak, synchronise
from benchmarks.device.setting import N_SITES, PROCESSOR, SMALL_SIDE, Budget, Found, Setting
from closedloop.attacks.balls import radius_at
from closedloop.attacks.engine.devices import in_turn
from closedloop.attacks.engine.evaluation import Evaluator, Width
from closedloop.attacks.engine.find import find_with
from closedloop.attacks.engine.steps import Task
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.objectives import SignedResponse
from closedloop.attacks.precision import Precision, chosen_precision
from closedloop.attacks.problem import Method, Problem, from_bytes
from closedloop.attacks.searches import COSINE, PAPER31
from closedloop.attacks.synthesis.both_directions import attacks
from closedloop.attacks.synthesis.items import AttackItem
from closedloop.attacks.synthesis.sources import InMemory, units_file
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.attacks.synthesis.work import Work
from closedloop.execution.workers import HERE, Workers

PAPER_ITEMS = 1000 * 21  # images x sites: both directions of each, 100 steps; 4.2 million gradients an epsilon
TOLERANCES: dict[Precision, float] = {"float32": 1e-3, "bfloat16": 0.03}
"""By how much the mean gain on a device may differ from the processor's in float32, of the gain."""

_OF_ONE = 0.01  # a single attack's, of the mean: weights changed by 1e-6 move one by .002, the mean by 4e-5
_BATCHES = (16, 32, 64, 128, 256, 512, 1024)
_SCAN_STEPS = 6
_LITTLE_BYTES = 3 << 30  # what a process may have of a card where it is to be full


def peak(setting: Setting, _budget: Budget, _before: dict[str, Found]) -> Found:
    """Measure what the device multiplies, and say what it is."""
    device, side = setting.device, 256 if setting.tiny else 8192
    peaks = {
        name: matrix_peak(dtype, device=device, side=side)
        for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16))
    }
    figures = {"flop_per_s": peaks, "torch": torch.__version__, "cards": _cards()}
    rows = [
        (f"matrix product of {side} x {side}, {name}", f"{each / 1e12:.3g} TFLOP/s") for name, each in peaks.items()
    ]
    return Found((("device", "; ".join(_cards()) or "processor, one thread"), *rows), figures)


def several(setting: Setting, _budget: Budget, _before: dict[str, Found]) -> Found:
    """Attack by several processes, each with a card in turn, and by one; before this process uses a card itself."""
    n_cards = torch.cuda.device_count() if setting.name == "cuda" else 0
    n_processes = max(2, n_cards)
    n_images, steps = (2, 2) if setting.tiny else (16 * n_processes, 20)
    items = [AttackItem(f"{image} {site}", image, site, 2.5) for image in range(n_images) for site in (0, 5)]
    pixels, source = setting.pixels(n_images), InMemory(setting.frozen, "several")

    def by(workers: Workers) -> tuple[NDArray[np.float64], float]:
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            found = synthesize(
                source,
                items,
                pixels,
                method=Method(replace(PAPER31, steps=steps), precision="float32"),
                shard_folder=Path(folder),
                workers=workers,
                device=setting.name,
                items_per_shard=max(2, len(items) // (4 * n_processes)),
            )
            return found.predicted_change, time.perf_counter() - began

    many, many_s = by(Workers("local", n_processes))
    one, one_s = by(HERE)
    apart = _apart(one, many)
    where = "the processor" if not n_cards else ", ".join(str(in_turn(n, n_cards)) for n in range(n_processes))
    cards = f"{n_cards} cards" if n_cards != 1 else "one card here: both processes share it"
    return Found(
        (
            (f"{n_processes} forked processes on {where}", f"{many_s:.1f} s; one process {one_s:.1f} s ({cards})"),
            ("largest difference of a predicted change between them, of the mean change", f"{apart:.1e}"),
        ),
        {"n_cards": n_cards, "n_processes": n_processes, "several_s": many_s, "one_s": one_s, "apart": apart},
        () if apart < _OF_ONE else (f"several processes differ from one by {apart:.1e}",),
    )


def agreement(setting: Setting, _budget: Budget, _before: dict[str, Found]) -> Found:
    """Compare gains with the processor's in float32, with those of other batches, and with the same again."""
    model = units_file("small_resnet_robust", layer="layer3.0").load(PROCESSOR)
    pixels = setting.pixels(2 if setting.tiny else 16, side_px=SMALL_SIDE)
    moved = InMemory(model, "agreement").load(setting.device)

    def gains(where: nn.Module, device: torch.device, precision: Precision, batch: int) -> NDArray[np.float64]:
        items = [AttackItem(f"{image} {unit}", image, unit, 2.5) for image in range(len(pixels)) for unit in (0, 9, 33)]
        method = Method(replace(COSINE, steps=4 if setting.tiny else 16), precision=precision)
        work = Work(items, pixels, method, LatticeSettings(steps=2), (+1, -1), device)
        found = dict(attacks(where, work, batch_size=batch))
        return np.array(
            [abs(found[place].predicted_attacked - found[place].predicted_clean) for place in range(len(found))]
        )

    expected = gains(model, PROCESSOR, "float32", 16)
    rows, figures, failed = [], {}, []
    for precision, tolerance in TOLERANCES.items():
        found = gains(moved, setting.device, precision, 16)
        again = gains(moved, setting.device, precision, 16)
        other = gains(moved, setting.device, precision, 7)
        apart = float(abs(found.mean() / expected.mean() - 1))
        said = "the same again" if np.array_equal(found, again) else f"{_apart(found, again):.1e} off again"
        batches = f"{_apart(found, other):.1e} in another batch"
        rows.append(
            (
                f"mean gain over the processor's, {precision}",
                f"{found.mean() / expected.mean():.5f} ({said}; {batches})",
            )
        )
        figures[precision] = {"apart": apart, "same_again": bool(np.array_equal(found, again))}
        if apart > tolerance:
            failed.append(f"{precision}: gain {apart:.1e} off the processor's, more than {tolerance:g}")
    return Found(tuple(rows), figures, tuple(failed))


def batches(setting: Setting, budget: Budget, before: dict[str, Found]) -> Found:
    """Find the batch with most gradients a second, in the precision that attacks choose, and float32 beside it."""
    device = setting.device
    model = InMemory(setting.frozen, "batches").load(device)
    chosen = chosen_precision("auto", device)
    widths = (4, 8) if setting.tiny else _BATCHES
    rates: dict[int, float] = {}
    memory: dict[int, float] = {}
    for n in widths:
        if rates and (budget.left_s < 3 * n * _SCAN_STEPS / max(rates.values()) or _is_past_best(rates)):
            break
        with _peak_of(device) as peak_bytes:
            rates[n] = _gradients_per_s(setting, model, n, chosen)
        memory[n] = peak_bytes() / 2**30
        if _had_no_room(setting, n, memory[n]):
            break
    best = max(rates, key=lambda n: rates[n])
    in_float32 = rates[best] if chosen == "float32" else _gradients_per_s(setting, model, best, "float32")
    flop = flop_of_a_gradient(model, from_bytes(setting.pixels(1), device=device)([0]))
    peaks = before["peak"].figures["flop_per_s"]
    rows = [
        (f"batch of {n}", f"{rate:.0f} gradients/s, {memory[n]:.2f} GiB" + (" (best)" if n == best else ""))
        for n, rate in rates.items()
    ]
    rows += [
        (
            f"gradients a second at {best}, {chosen}",
            f"{rates[best]:.0f}: {flop * rates[best] / peaks[chosen]:.2f} of the matrix peak",
        ),
        (
            "the same, float32 without TF32",
            f"{in_float32:.0f}: {flop * in_float32 / peaks['float32']:.2f} of its peak",
        ),
        ("operations of a gradient", f"{flop / 1e9:.2f} GFLOP"),
    ]
    figures = {
        "precision": chosen,
        "gradients_per_s": {str(n): rate for n, rate in rates.items()},
        "peak_gib": {str(n): each for n, each in memory.items()},
        "best": best,
        "of_peak": flop * rates[best] / peaks[chosen],
        "float32_gradients_per_s": in_float32,
        "flop_a_gradient": flop,
    }
    return Found(tuple(rows), figures)


def paper_day(setting: Setting, budget: Budget, before: dict[str, Found]) -> Found:
    """Attack a share of a paper-sized epsilon in blocks, whole levels included, and tell what all of it takes."""
    best, rate = before["batches"].figures["best"], max(before["batches"].figures["gradients_per_s"].values())
    steps = 4 if setting.tiny else 100
    method = Method(replace(PAPER31, steps=steps))
    n_blocks = 3 if setting.tiny else 6
    batch = best
    while batch > 8 and 1.3 * batch * steps / rate > budget.left_s / (n_blocks + 1):
        batch //= 2
    n_items = max(batch // 2, 1)
    pixels = setting.pixels(min(n_items, 64))
    model = InMemory(setting.frozen, "day").load(setting.device)
    seconds: list[float] = []
    for block in range(n_blocks):
        if len(seconds) > 2 and budget.left_s < 1.2 * max(seconds):
            break
        items = [AttackItem(f"{block} {place}", place % len(pixels), place % N_SITES, 2.5) for place in range(n_items)]
        began = time.perf_counter()
        work = Work(items, pixels, method, LatticeSettings(), (+1, -1), setting.device)
        for _ in attacks(model, work, batch_size=batch):
            pass
        seconds.append(time.perf_counter() - began)
    each = np.array(seconds[1:] if len(seconds) > 2 else seconds) / n_items  # the first prepares for its shapes
    error = float(each.std(ddof=1) / len(each) ** 0.5) if len(each) > 1 else float("nan")
    hours = [PAPER_ITEMS * value / 3600 * 100 / steps for value in (float(each.mean()), error)]
    done = len(seconds) * n_items
    share = f"{done} of {PAPER_ITEMS:,} attacks, 1/{PAPER_ITEMS / done:.0f}"
    return Found(
        (
            (f"measured share of an epsilon ({share}, batch of {batch}, {steps} steps)", f"{sum(seconds):.1f} s"),
            ("an epsilon of a paper-sized day, one device", f"{hours[0]:.2f} +- {hours[1]:.2f} h"),
            ("`guo2022.yaml`: four epsilons of 882 attacks", f"{hours[0] * 4 * 882 / PAPER_ITEMS * 60:.1f} min"),
        ),
        {"hours_an_epsilon": hours[0], "standard_error": hours[1], "share": done / PAPER_ITEMS, "batch": batch},
    )


def full_card(setting: Setting, _budget: Budget, _before: dict[str, Found]) -> Found:
    """Ask for a batch for which there is no memory: it is made smaller, and finds the same."""
    device, side = setting.device, setting.side_px
    if device.type != "cuda":
        return Found((("a batch for which there is no memory", "not tried: a processor has no memory of its own"),), {})
    n = 768
    model = InMemory(setting.frozen, "full").load(device)

    def found(batch: int, n_tasks: int) -> tuple[dict[int, float], int]:
        rows = torch.arange(n, device=device)
        objective = SignedResponse(rows % N_SITES, 1.0 - 2.0 * (rows % 2))
        clean = from_bytes(setting.pixels(16), device=device)
        problem = Problem(model, lambda places: clean([place % 16 for place in places]), objective)
        width = Width(batch)
        evaluator = Evaluator(problem, Method(replace(COSINE, steps=3), precision="float32"), width)
        tasks = [Task(row, row, (radius_at(2.5, side),), row) for row in range(n_tasks)]
        return {one.task.row: one.value for one in find_with(evaluator, tasks, n_slots=batch)}, width.images

    with _little_memory(device):
        many, width = found(n, n)
    few, _ = found(8, 32)
    apart = _apart(np.array(list(few.values())), np.array([many[row] for row in few]))
    failed = [f"found {len(many)} of {n}"] if len(many) < n else []
    failed += [] if width < n else ["memory sufficed: nothing was tried"]
    failed += [] if apart < _OF_ONE else [f"values {apart:.1e} apart"]
    return Found(
        (
            (
                f"a batch of {n} with {_LITTLE_BYTES >> 30} GiB of memory",
                f"went on with {width} at once, {len(many)} found",
            ),
            ("largest difference to a batch of 8, of a value", f"{apart:.1e}"),
        ),
        {"asked": n, "width": width, "apart": apart},
        tuple(failed),
    )


def _apart(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the largest difference, as a part of the mean size."""
    return float(np.abs(one - other).max() / np.abs(one).mean())


def _cards() -> list[str]:
    if not torch.cuda.device_count():
        return []
    found = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    return [f"cuda:{number} {one.name}, {one.total_memory / 2**30:.0f} GiB" for number, one in enumerate(found)]


def _gradients_per_s(setting: Setting, model: nn.Module, n: int, precision: Precision) -> float:
    """Take a few steps in a full batch; the steps of a search alone, without what chooses in float32 at its end."""
    clean = from_bytes(setting.pixels(min(n, 64)), device=setting.device)
    rows = torch.arange(n, device=setting.device)
    problem = Problem(
        model,
        lambda places: clean([place % min(n, 64) for place in places]),
        SignedResponse(rows % N_SITES, 1.0 - 2.0 * (rows % 2)),
    )
    seconds = {}
    for steps in (2, 2, 2 + _SCAN_STEPS):
        method = Method(replace(PAPER31, steps=steps), precision=precision)
        tasks = [Task(row, row, (radius_at(2.5, setting.side_px),), row) for row in range(n)]
        synchronise(setting.device)
        began = time.perf_counter()
        for _ in find_with(Evaluator(problem, method, Width(n)), tasks, n_slots=n):
            pass
        synchronise(setting.device)
        seconds[steps] = time.perf_counter() - began
    return n * _SCAN_STEPS / max(seconds[2 + _SCAN_STEPS] - seconds[2], 1e-6)


def _is_past_best(rates: dict[int, float]) -> bool:
    found = list(rates.values())
    return len(found) > 2 and max(found) > 1.1 * found[-1]


def _had_no_room(setting: Setting, n: int, gib: float) -> bool:
    """Return whether twice as many images would not fit."""
    if setting.device.type != "cuda" or not n:
        return False
    return 2 * gib > 0.9 * torch.cuda.get_device_properties(setting.device).total_memory / 2**30


@contextmanager
def _peak_of(device: torch.device) -> Iterator[Callable[[], int]]:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield lambda: torch.cuda.max_memory_allocated(device)
    else:
        yield lambda: 0


@contextmanager
def _little_memory(device: torch.device) -> Iterator[None]:
    torch.cuda.empty_cache()
    whole = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction(min(_LITTLE_BYTES / whole, 1.0), device)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)
