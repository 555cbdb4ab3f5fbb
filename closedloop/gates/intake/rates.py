"""Whether the sites fire as much as before: all clean images against day 0, the normalizers against the day before."""

from __future__ import annotations

import numpy as np

from closedloop.artifacts.gates.report import GateFinding
from closedloop.gates.context import GateContext
from closedloop.gates.day_rates import Floats, clean_rates, counted_sites, left_out_of
from closedloop.gates.levels import finding, level_of
from closedloop.gates.wording import NOTHING_BEFORE, bounds, plain

_FLOOR_HZ = 0.5  # below it a rate is a spike or two, and its ratio chance
_REMEDY = (
    "Were the recorder's thresholds, its filter or its reference changed? Is an amplifier or a headstage failing, "
    "or the animal drowsy? Set thresholds as on day 0 before the next session."
)


def rate_drift(context: GateContext) -> GateFinding:
    """Compare the mean rates of the model's sites to fresh clean images with day 0's: the median change in octaves."""
    limit, left_out = context.protocol.gates.rate_drift, left_out_of(context)
    expected = f"a median change of the sites' rates since day 0 of {bounds(limit, unit='octaves')}"
    both = (context, context.first), (context.first, context)
    now_hz, then_hz = (np.array([site.mean_rate_hz or 0.0 for site in counted_sites(*one)]) for one in both)
    if not len(now_hz):
        return finding("rate_drift", "PASS", expected=expected, found=f"no site that counts{left_out}", remedy="")
    if context.is_first:
        found = f"a median of {plain(float(np.median(now_hz)))} Hz over {len(now_hz)} sites ({NOTHING_BEFORE})"
        found += left_out
        return finding("rate_drift", "PASS", expected=expected, found=found, remedy="")
    octaves = np.log2((now_hz + _FLOOR_HZ) / (then_hz + _FLOOR_HZ))
    typical, common = float(np.median(np.abs(octaves))), float(np.median(octaves))
    return finding(
        "rate_drift",
        level_of(typical, limit),
        expected=expected,
        found=f"{plain(typical)} octaves; the median rate {plain(float(np.median(now_hz)))} Hz, "
        f"{plain(float(np.median(then_hz)))} Hz on day 0{left_out}",
        remedy=_REMEDY,
        values={"octaves": typical, "common_octaves": common, "largest_octaves": float(np.abs(octaves).max())},
    )


def normalizer_drift(context: GateContext) -> GateFinding:
    """Compare the sites' answers to the normalizers with the day before: days are put on one scale by them.

    Of each site the change of the mean over the images, in SDs over them, and the change of the SD itself, in octaves;
    the median over sites of either must stay within the limits.
    """
    limit = context.protocol.gates.normalizer_drift
    expected = (
        f"sites whose mean over the normalizers moved by {bounds(limit)} SDs since the day before, and whose SD moved "
        "by no more octaves (medians over sites)"
    )
    if context.is_first:
        return finding("normalizer_drift", "PASS", expected=expected, found=NOTHING_BEFORE, remedy="")
    now_hz, then_hz = _normalizer_rates(context)
    left_out = left_out_of(context)
    if len(now_hz) < 2 or not now_hz.shape[1]:
        n_sites = "" if now_hz.shape[1] else ", and no site that counts"
        found = f"{len(now_hz)} normalizers shown on both days{n_sites}: not known{left_out}"
        return finding("normalizer_drift", "PASS", expected=expected, found=found, remedy="")
    moved, spread = _moved(now_hz, then_hz)
    return finding(
        "normalizer_drift",
        level_of(max(moved, spread), limit),
        expected=expected,
        found=f"a mean that moved by {plain(moved)} SDs, and an SD by {plain(spread)} octaves, over {len(now_hz)} "
        "images" + _compared_with(context) + left_out,
        remedy=_REMEDY,
        values={"moved_sds": moved, "spread_octaves": spread, "n_images": float(len(now_hz))},
    )


def _normalizer_rates(context: GateContext) -> tuple[Floats, Floats]:
    """Return today's and yesterday's rates of the model's sites to the normalizers of both days."""
    before = context.before
    names = np.array([site.neuroid_id for site in counted_sites(context.first, context, before)], dtype=str)
    now, then = (clean_rates(one, roles=("normalizer",)) for one in (context, before))
    images = np.intersect1d(now.stimulus_id, then.stimulus_id)
    return now.of(images, names), then.of(images, names)


def _compared_with(context: GateContext) -> str:
    """Say with which day it is compared where that is not the one before, which people left out."""
    before = context.before.block
    return "" if before == context.paths.sequence.before(context.block) else f", compared with {before.said}"


def _moved(now_hz: Floats, then_hz: Floats) -> tuple[float, float]:
    """Return the median change of the sites' means, in SDs, and of their SDs, in octaves; a silent site counts."""
    now_hz, then_hz = (np.nan_to_num(rates) for rates in (now_hz, then_hz))
    mean_now, mean_then = now_hz.mean(axis=0), then_hz.mean(axis=0)
    sd_now, sd_then = (rates.std(axis=0, ddof=1) + _FLOOR_HZ for rates in (now_hz, then_hz))
    return (
        float(np.median(np.abs(mean_now - mean_then) / sd_then)),
        float(np.median(np.abs(np.log2(sd_now / sd_then)))),
    )
