"""What a day's electrodes answered, as gates compare it with other days: rates of electrodes to clean images.

What people left out has no response here, and is no site.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.reliability import mean_response, split_half_reliability
from closedloop.artifacts.amended.exclusions import LeftOutOf
from closedloop.artifacts.amended.uncounted import Uncounted
from closedloop.artifacts.catalog import COUNTS, RESPONSES, SITES, STIMULI
from closedloop.artifacts.day.responses import Site
from closedloop.artifacts.day_use import SHOWN_MANY_TIMES
from closedloop.artifacts.naming import derive_seed
from closedloop.gates.context import GateContext

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CleanRates:
    """Mean rates of a day's electrodes to some of its clean images.

    Attributes
    ----------
    stimulus_id
        Of the images, (n_images,), ascending: the same bytes have the same name on every day.
    neuroid_id
        Of the electrodes, (n_electrodes,).
    rates_hz
        (n_images, n_electrodes), mean over usable repetitions; NaN where there is none.
    """

    stimulus_id: NDArray[Any]
    neuroid_id: NDArray[Any]
    rates_hz: Floats

    def of(self, stimulus_id: NDArray[Any], neuroid_id: NDArray[Any]) -> Floats:
        """Return the rates of some images and electrodes in an order, (n_images, n_electrodes); NaN where unknown."""
        images = {name: row for row, name in enumerate(self.stimulus_id.tolist())}
        electrodes = {name: column for column, name in enumerate(self.neuroid_id.tolist())}
        rows = [images.get(name, -1) for name in stimulus_id.tolist()]
        columns = [electrodes.get(name, -1) for name in neuroid_id.tolist()]
        padded = np.pad(self.rates_hz, ((0, 1), (0, 1)), constant_values=np.nan)
        return np.asarray(padded[np.ix_(rows, columns)])


def clean_rates(context: GateContext, *, roles: Collection[str], parts: Sequence[LeftOutOf] = ()) -> CleanRates:
    """Read how a session's electrodes answered the clean images of some roles.

    Parameters
    ----------
    context
        Whose.
    roles
        clean, anchor, normalizer.
    parts
        Whose left out responses are taken away; what is left out of all parts by default.
    """
    stimuli = context.read(STIMULI)
    image_index = np.asarray(context.read(RESPONSES)["image_index"], dtype=np.int64)
    rows = np.flatnonzero((stimuli["kind"] == "clean") & np.isin(stimuli["role"], list(roles)))
    rows = rows[np.argsort(stimuli["stimulus_id"][rows], kind="stable")]
    rates_hz = counted_rates_hz(context, parts=parts)
    mean = mean_response(rates_hz, image_index, n_images=len(stimuli["kind"]))
    recorded = context.read(SITES).sites[: mean.shape[1]]
    return CleanRates(
        np.asarray(stimuli["stimulus_id"][rows], dtype=str),
        np.array([site.neuroid_id for site in recorded], dtype=str),
        mean[rows],
    )


def counted_rates_hz(context: GateContext, *, parts: Sequence[LeftOutOf] = ()) -> Floats:
    """Read the rates of a session's electrodes, (n_presentations, n_electrodes); NaN where unusable or left out.

    A session of which nothing counts at all is described as it was recorded.

    Parameters
    ----------
    context
        Whose.
    parts
        As in `clean_rates`.
    """
    rates_hz, out = context.read(COUNTS)["counts"] / window_s(context), context.uncounted(*parts)
    if out.who:
        recorded = context.read(SITES).sites[: rates_hz.shape[1]]
        rates_hz[:, [out.covers_site(site.neuroid_id) for site in recorded]] = np.nan
        rates_hz[presentations_left_out(context, out) | (out.is_whole and bool(parts))] = np.nan
    return np.asarray(rates_hz)


def presentations_left_out(context: GateContext, out: Uncounted) -> NDArray[np.bool_]:
    """Return which of a session's presentations are left out, and others are not, (n_presentations,).

    Parameters
    ----------
    context
        Whose.
    out
        What is left out of it.
    """
    ordinal = np.asarray(context.read(RESPONSES)["ordinal"], dtype=np.int64)
    taken = np.zeros(len(ordinal), dtype=bool)
    for first, last in out.stretches:
        taken |= (ordinal >= first) & (ordinal <= last)
    return taken


def window_s(context: GateContext) -> float:
    """Return the length of the window that spikes are counted in, seconds."""
    recording = context.protocol.recording
    return (recording.window_stop_ms - recording.window_start_ms) / 1000


def model_sites(context: GateContext) -> tuple[Site, ...]:
    """Return the model's sites as they were in a session, by the model's outputs; those not recorded have no rate.

    Of a session of which presentations are left out, reliability and rates are those without them.
    """
    sites, out = context.read(SITES).chosen(), context.uncounted()
    return _without_presentations(context, sites) if out.stretches else sites


def counted_sites(context: GateContext, *others: GateContext, parts: Sequence[LeftOutOf] = ()) -> tuple[Site, ...]:
    """Return the model's sites that count in a session, as they were in it.

    Parameters
    ----------
    context
        Whose.
    others
        Sessions that it is compared with: in these they count, too.
    parts
        As in `clean_rates`.
    """
    out = [one.uncounted(*parts) for one in (context, *others)]
    return tuple(site for site in model_sites(context) if not any(one.covers_site(site.neuroid_id) for one in out))


def left_out_of(context: GateContext, *parts: LeftOutOf) -> str:
    """Return how many of the model's sites do not count in a session, and who decided so, to be put behind a finding.

    Parameters
    ----------
    context
        Whose.
    parts
        As in `clean_rates`: where a whole session is left out of one part, that is said.
    """
    out = context.uncounted(*parts)
    note = out.note(site.neuroid_id for site in context.read(SITES).chosen()) if out.who else ""
    if out.is_whole and parts:
        note = f"left out by {out.deciders()}"
    return f"; {note}" if note else ""


def _without_presentations(context: GateContext, sites: Sequence[Site]) -> tuple[Site, ...]:
    """Describe sites again by the presentations that count, as ingest describes them by all."""
    stimuli, rates_hz = context.read(STIMULI), counted_rates_hz(context)
    image_index = np.asarray(context.read(RESPONSES)["image_index"], dtype=np.int64)
    is_clean = (stimuli["kind"] == "clean") & ~np.isin(stimuli["role"], SHOWN_MANY_TIMES)
    is_fresh = is_clean & (stimuli["role"] == "clean")
    shown = is_clean[image_index]
    seed = derive_seed(context.protocol.seed, context.study.subject, context.block.seed_name, "ingest", "reliability")
    reliability = split_half_reliability(rates_hz[shown], image_index[shown], seed=seed)
    fresh = mean_response(rates_hz, image_index, n_images=len(is_clean))[is_fresh]
    column = {site.neuroid_id: place for place, site in enumerate(context.read(SITES).sites[: rates_hz.shape[1]])}
    return tuple(
        site.model_copy(
            update={"reliability": _or_none(reliability[place]), "mean_rate_hz": _or_none(_mean(fresh[:, place]))}
        )
        if (place := column.get(site.neuroid_id)) is not None
        else site
        for site in sites
    )


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan


def _or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
