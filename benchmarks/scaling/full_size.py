"""What can be run at full size without a monkey: the order of a day's presentations, and evaluation's tables.

Responses are made up, of 2,000 clean and 8,000 attacked images, each shown twice, at up to 1,000 sites and 10 epsilons.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from benchmarks.scaling.slopes import log_slope
from closedloop.artifacts.day.responses import Site
from closedloop.artifacts.day.stimuli import STIMULI
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.protocol.shipped import shipped_protocols
from closedloop.artifacts.stimulus_set import StimulusSet
from closedloop.artifacts.tables import as_columns
from closedloop.stages.evaluate.intervals import interval_rows
from closedloop.stages.evaluate.pairs import measure, pairs_so_far
from closedloop.stages.evaluate.rows import measured_rows
from closedloop.stages.evaluate.slopes import slope_rows
from closedloop.stages.schedule import order_presentations
from closedloop.study.memory import forget_peak, peak_mb
from tests.unit.days import stimulus

SITES = (100, 316, 1000)
_N_CLEAN, _N_ANCHORS, _N_ATTACKS = 2_000, 400, 8_000
_EPSILONS = (1.0, 1.5, 2.0, 2.5, 3.5, 5.0, 6.0, 7.0, 8.5, 10.0)

Result = TypeVar("Result")


def full_size_table() -> Iterator[str]:
    """Yield a row a step: CPU seconds at every number of sites, their slope, and the peak of memory at the last."""
    took = [dict(_steps(n_sites)) for n_sites in SITES]
    yield "| 10,000 images a day | " + " | ".join(f"{n:,} sites, CPU-s" for n in SITES) + " | slope | peak, MB |"
    yield "|---|" + "---|" * (len(SITES) + 2)
    for name, (_, memory) in took[-1].items():
        seconds = [one[name][0] for one in took]
        slope, error = log_slope(SITES, seconds)
        cells = " | ".join(f"{each:.2f}" for each in seconds)
        yield f"| {name} | {cells} | {slope:.2f} +- {error:.2f} | {memory:.0f} |"


def made_up_day(n_sites: int) -> DayResponses:
    """Return a day's responses at some sites; attacks are dealt out over sites and epsilons.

    Parameters
    ----------
    n_sites
        How many.
    """
    random = np.random.default_rng(0)
    rows = [_row("clean", place) for place in range(_N_CLEAN)]
    for place in range(_N_ATTACKS):
        epsilon = _EPSILONS[place // n_sites % len(_EPSILONS)]
        values = {"site_index": place % n_sites, "epsilon": epsilon, "realised_epsilon": epsilon}
        rows.append(_row("attacked", int(random.integers(_N_CLEAN)), predicted_sign=1 - 2 * (place % 2), **values))
    columns = as_columns(
        [row | {"image_index": place, "stimulus_id": f"{place:016x}"} for place, row in enumerate(rows)], STIMULI
    )
    tuning = (40 + 15 * random.standard_normal((len(rows), n_sites))).astype(np.float64)
    for place in range(_N_CLEAN, len(rows)):
        tuning[place] = tuning[rows[place]["clean_index"]]
        tuning[place, rows[place]["site_index"]] += 9 * rows[place]["predicted_sign"]
    shown = np.tile(np.arange(len(rows)), 2)
    rates_hz = np.maximum(tuning[shown] + 5 * random.standard_normal((len(shown), n_sites)), 0)
    sites = tuple(
        Site(
            neuroid_id=f"array1-{place:04d}",
            electrode_id=1 + place,
            reliability=0.8,
            mean_rate_hz=40.0,
            sigma_hz=15.0,
            site_index=place,
            processor=1,
        )
        for place in range(n_sites)
    )
    stimuli = StimulusSet(
        {name: np.asarray(values) for name, values in columns.items()}, np.zeros((len(rows), 1, 1, 3), np.uint8)
    )
    return DayResponses(stimuli, sites, {"image_index": shown, "presentation_index": np.arange(len(shown))}, rates_hz)


def _steps(n_sites: int) -> Iterator[tuple[str, tuple[float, float]]]:
    day = made_up_day(n_sites)
    protocol = read_protocol(shipped_protocols()["guo2022"])
    columns = day.stimuli.columns
    yield (
        "order of the presentations",
        _timed(
            lambda: order_presentations(
                columns["clean_index"], columns["repetitions"], protocol, seed_of=lambda *_names: 1
            )
        )[1],
    )
    yield "responses by image", _timed(lambda: measure(day))[1]
    (_, pairs), cost = _timed(lambda: pairs_so_far([day], [None], other_site=False))
    yield "pairs of images", cost
    tables: dict[str, Callable[[], Any]] = {
        "sensitivity by site and epsilon": lambda: measured_rows(pairs),
        "intervals": lambda: interval_rows(pairs, has_truth=False),
        "slopes": lambda: slope_rows(pairs),
    }
    for name, make in tables.items():
        yield name, _timed(make)[1]


def _row(kind: str, clean_index: int, **values: Any) -> dict[str, Any]:
    return stimulus(kind, "anchor" if clean_index < _N_ANCHORS else "clean", clean_index, **values)


def _timed(make: Callable[[], Result]) -> tuple[Result, tuple[float, float]]:
    gc.collect()
    forget_peak()
    began = time.process_time()
    found = make()
    return found, (max(time.process_time() - began, 1e-3), peak_mb())
