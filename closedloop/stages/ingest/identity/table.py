"""Whether the day's electrodes are the ones of day 0, by what both days answered to the images shown every day."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.identity import ElectrodeIdentity, compare_identity
from closedloop.analysis.signatures import DayAnswers
from closedloop.artifacts.day.identity import IdentityTable, OfferedSite, SiteIdentity
from closedloop.artifacts.day.responses import Site, SiteTable
from closedloop.artifacts.tables import Columns
from closedloop.stages.ingest.identity.waveforms import WaveformsByName, waveform_likeness

Floats = NDArray[np.float64]

_NO_WAVEFORMS: tuple[WaveformsByName, WaveformsByName] = ({}, {})
_EVERY_DAY = ("normalizer", "anchor")
_RISE = 0.2  # of reliability: one at the limit passes it by chance from day to day
_DIGITS = 4


def images_of_every_day(stimuli: Columns) -> NDArray[Any]:
    """Return the names of the clean images that are shown every day.

    Parameters
    ----------
    stimuli
        The stimulus table, a numpy array a column.
    """
    rows = (stimuli["kind"] == "clean") & np.isin(stimuli["role"], _EVERY_DAY)
    return np.unique(np.asarray(stimuli["stimulus_id"][rows], dtype=str))


def answers(sites: SiteTable, stimulus_id: NDArray[Any], rates_hz: Floats, images: NDArray[Any]) -> DayAnswers:
    """Return what a day's electrodes answered to some images.

    Parameters
    ----------
    sites
        The day's.
    stimulus_id
        Of each presentation, (n_presentations,).
    rates_hz
        Of the electrodes, (n_presentations, n_electrodes); NaN where unusable.
    images
        Names of the images.
    """
    shown = np.isin(stimulus_id, images)
    names = np.array([site.neuroid_id for site in sites.sites[: rates_hz.shape[1]]], dtype=str)
    return DayAnswers(names, np.asarray(stimulus_id[shown], dtype=str), rates_hz[shown])


def identity_table(
    then: DayAnswers,
    now: DayAnswers,
    *,
    first: SiteTable,
    today: SiteTable,
    min_reliability: float,
    waveforms: tuple[WaveformsByName, WaveformsByName] = _NO_WAVEFORMS,
) -> IdentityTable:
    """Say of day 0's electrodes which still are the ones they were, and which others could be sites now.

    Parameters
    ----------
    then, now
        Answers of day 0 and of the day to the images shown every day.
    first, today
        Their sites.
    min_reliability
        From which on an electrode can be a site.
    waveforms
        Mean spike waveforms of both days, where the recorder stored any: beside the rest, to be looked at.
    """
    found = compare_identity(then, now)
    index_of = {site.neuroid_id: site.site_index for site in first.sites}
    return IdentityTable(
        simulated=today.simulated,
        day=today.day,
        n_images=found.n_images,
        expected=_rounded(found.expected),
        electrodes=tuple(_row(one, index_of[one.neuroid_id], waveforms) for one in found.electrodes),
        offered=_offered(first, today, min_reliability=min_reliability),
    )


def _row(
    one: ElectrodeIdentity, site_index: int | None, waveforms: tuple[WaveformsByName, WaveformsByName]
) -> SiteIdentity:
    then, now = waveforms
    today = now.get(one.neuroid_id)
    return SiteIdentity(
        neuroid_id=one.neuroid_id,
        site_index=site_index,
        state=one.state,
        correlation=_rounded(one.correlation),
        standard_error=_rounded(one.standard_error),
        partner=one.partner,
        partner_correlation=_rounded(one.partner_correlation),
        reliability_then=_rounded(one.reliability_then),
        reliability_now=_rounded(one.reliability_now),
        rate_then_hz=_rounded(one.rate_then_hz),
        rate_now_hz=_rounded(one.rate_now_hz),
        waveform_likeness=_rounded(waveform_likeness(then.get(one.neuroid_id), today)),
        partner_waveform_likeness=_rounded(waveform_likeness(then.get(one.partner), today)),
    )


def _offered(first: SiteTable, today: SiteTable, *, min_reliability: float) -> tuple[OfferedSite, ...]:
    """Return the electrodes that are no site, were too unreliable for one on day 0, and are clearly more so today."""
    then = {site.neuroid_id: site.reliability for site in first.sites}
    found = [
        OfferedSite(neuroid_id=site.neuroid_id, reliability_then=then.get(site.neuroid_id), reliability=now)
        for site in today.sites
        if (now := site.reliability) is not None and _is_new(site, then.get(site.neuroid_id), now, min_reliability)
    ]
    return tuple(sorted(found, key=lambda one: (-one.reliability, one.neuroid_id)))


def _is_new(site: Site, then: float | None, now: float, least: float) -> bool:
    before = then if then is not None else 0.0
    return site.site_index is None and before < least <= now and now - before >= _RISE


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
