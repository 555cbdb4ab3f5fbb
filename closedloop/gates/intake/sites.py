"""Whether the model's sites still answer, and repeat themselves, as on the day they were chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from closedloop.artifacts.catalog import SITES
from closedloop.artifacts.day.responses import Site
from closedloop.artifacts.gates.report import GateFinding
from closedloop.gates.context import GateContext
from closedloop.gates.day_rates import counted_sites, left_out_of
from closedloop.gates.levels import finding, level_of
from closedloop.gates.wording import bounds, percent, plain

_STILL_ANSWERS = 0.5  # of sites.min_reliability: one chosen just above it falls below by chance alone
_LEAST_OF_ARRAY = 3  # sites by which an array is judged alone
_NAMED = 8


def site_yield(context: GateContext) -> GateFinding:
    """Count the model's sites that still repeat themselves; on day 0, those that were found at all.

    Each array with a few sites is judged alone: one that died is not made good by the other. Sites that people left out
    are neither expected nor found.
    """
    limit, asked = context.protocol.gates.site_yield, context.protocol.sites
    sites, left_out = counted_sites(context), left_out_of(context)
    if not sites:
        return _nothing_counts(context, "site_yield", left_out)
    if context.is_first:
        n_asked = asked.n_sites - len(context.read(SITES).chosen()) + len(sites)
        part = len(sites) / n_asked
        expected = f"{bounds(limit, percent)} of {n_asked} sites of reliability {asked.min_reliability:g} or more"
        found = f"{len(sites)} sites"
        values = {"part": part, "n_sites": float(len(sites))}
    else:
        least = _STILL_ANSWERS * asked.min_reliability
        parts = {
            name: float(np.mean([_known(site) >= least for site in own])) for name, own in _by_array(sites).items()
        }
        name, part = min(parts.items(), key=lambda one: one[1])
        lost = [site.neuroid_id for site in sites if _known(site) < least]
        expected = f"{bounds(limit, percent)} of day 0's {len(sites)} sites with a reliability of {least:g} or more"
        found = f"{len(sites) - len(lost)} of {len(sites)}"
        found += f", {percent(part)} on {name}" if len(parts) > 1 else f" ({percent(part)})"
        found += f"; not {_listed(lost)}" if lost else ""
        values = {"part": part, "n_sites": float(len(sites) - len(lost))}
    return finding(
        "site_yield",
        level_of(values["part"], limit),
        expected=expected,
        found=found + left_out,
        remedy="Look at connector, headstage and ground, at the thresholds, and at the animal's state. If the sites "
        "are gone for good, the model's outputs for them have nothing to learn from: think of a new study.",
        values=values,
    )


def site_reliability(context: GateContext) -> GateFinding:
    """Compare the median reliability of the model's sites with day 0's, an array at a time."""
    limit, left_out = context.protocol.gates.site_reliability, left_out_of(context)
    both = (context, context.first), (context.first, context)
    now, then = ({name: _median(own) for name, own in _by_array(counted_sites(*one)).items()} for one in both)
    if not any(counted_sites(*one) for one in both):
        return _nothing_counts(context, "site_reliability", left_out)
    if context.is_first:
        return finding(
            "site_reliability",
            "PASS",
            expected="what later days are compared with",
            found=f"a median reliability of {_said(now)} (day 0: nothing before it){left_out}",
            remedy="",
            values={"median": min(now.values())},
        )
    parts = {name: now.get(name, 0.0) / then[name] if then[name] > 0 else 1.0 for name in then}
    name, part = min(parts.items(), key=lambda one: one[1])
    return finding(
        "site_reliability",
        level_of(part, limit),
        expected=f"{bounds(limit, percent)} of day 0's median reliability, {plain(then[name])}",
        found=f"{plain(now.get(name, 0.0))} ({percent(part)}) on {name}{left_out}",
        remedy="Look for noise (ground, mains, chewing), thresholds that moved, a restless or sleepy animal, and "
        "whether the right images were counted at the right time (alignment page).",
        values={"part": part, "median": now.get(name, 0.0), "median_day_0": then[name]},
    )


def _nothing_counts(context: GateContext, gate: str, left_out: str) -> GateFinding:
    """Return what there is to say of a session all of whose sites people left out."""
    n = len(context.read(SITES).chosen())
    found = f"none of the {n} sites counts{left_out}"
    return finding(gate, "PASS", expected="sites that count", found=found, remedy="")


def _by_array(sites: Sequence[Site]) -> Mapping[str, Sequence[Site]]:
    """Return the sites of each processor that has a few; all together where there is one such, or none."""
    numbers = sorted({site.processor for site in sites})
    own = {number: [site for site in sites if site.processor == number] for number in numbers}
    judged = {f"processor {number}": found for number, found in own.items() if len(found) >= _LEAST_OF_ARRAY}
    return judged if len(judged) > 1 else {"all sites": sites}


def _known(site: Site) -> float:
    """Return a site's reliability; none where it was not recorded or says nothing."""
    return site.reliability if site.reliability is not None else 0.0


def _median(sites: Sequence[Site]) -> float:
    return float(np.median([_known(site) for site in sites])) if sites else 0.0


def _said(medians: Mapping[str, float]) -> str:
    return ", ".join(f"{plain(value)} ({name})" for name, value in medians.items())


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
