"""What a file does not allow, and what a reader of its means has to know, a sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from closedloop.exchange.reading.responses import CLEAN, FileResponses
from closedloop.studies.analysed_file.documents import AnalysedRecording

_MOST_NAMED = 6  # sites in a line


def notices_of(
    found: FileResponses,
    recordings: Sequence[AnalysedRecording],
    sites: Sequence[Mapping[str, Any]],
    *,
    categories: Sequence[str],
    unscaled: str,
    has_preferences: bool,
) -> list[str]:
    """Return the notices of a file, as its page and its lines show them.

    Parameters
    ----------
    found
        What the file holds.
    recordings
        Its sessions, analysed.
    sites
        Rows of ``ANALYSED_SITES``.
    categories
        Of the clean images, empty where unknown.
    unscaled
        Of recordings that could not be brought to the scale of the first; empty where there is none.
    has_preferences
        Whether preferred categories were found.
    """
    lines = list(found.notices)
    for names, words in _without_signal(found):
        lines.append(f"{words}: {', '.join(names[:_MOST_NAMED])}{_more(len(names))}.")
    if nothing := [one.name for one in recordings if one.n_repeated_images < 3]:
        lines.append(
            f"Reliability and ceilings are unknown of {', '.join(nothing)}: fewer than three images were shown twice."
        )
    lines += _not_repeating(recordings, sites)
    lines += _missing(found)
    if not found.unit:
        lines.append("The file does not say in which unit its responses are: sigma and levels are in that unit.")
    if unscaled:
        lines.append(unscaled)
    n_other = len(found.kind) - int((found.kind == CLEAN).sum())
    if n_other:
        lines.append(f"{n_other:,} presentations of changed images are left out: clean images alone count here.")
    if not any(categories):
        lines.append("No image's category is known: give a table of them by --stimuli to see what sites prefer.")
    elif not has_preferences:
        lines.append("Preferred categories are unknown: it takes two categories with two images each.")
    return lines


def _without_signal(found: FileResponses) -> Iterator[tuple[list[str], str]]:
    """Yield sites that say nothing of clean images in some recording, and in words why."""
    clean = found.kind == CLEAN
    silent, alike = list[str](), list[str]()
    for place, name in enumerate(found.recordings):
        rates = found.rates[clean & (found.recording == place)]
        known = np.isfinite(rates)
        where = f" ({name})" if len(found.recordings) > 1 else ""
        same = np.array(
            [own.sum() > 1 and len(np.unique(rates[own, site])) == 1 for site, own in enumerate(known.T)], dtype=bool
        )
        silent += [f"{site}{where}" for site, has in zip(found.sites, known.any(axis=0), strict=True) if not has]
        alike += [f"{site}{where}" for site, one in zip(found.sites, same, strict=True) if one]
    yield from ((silent, "Sites without any response, that count nowhere"),) if silent else ()
    yield from (
        ((alike, "Sites that answer every image alike, of which sigma is 0 and the rest unknown"),) if alike else ()
    )


def _not_repeating(recordings: Sequence[AnalysedRecording], sites: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name the sites whose reliability is not told from 0: the means have them, too."""
    lines = []
    for one in recordings:
        own = [row for row in sites if row["recording"] == one.name]
        names = [row["site"] for row in own if row["reliability_low"] <= 0]  # NaN: no interval, nothing is told
        if names:
            place = "" if len(recordings) == 1 else f"{one.name}: "
            lines.append(
                f"{place}Reliability is not told from 0 at {len(names):,} of {len(own):,} sites, which the means count "
                f"all the same: {', '.join(names[:_MOST_NAMED])}{_more(len(names))}."
            )
    return lines


def _missing(found: FileResponses) -> list[str]:
    known = np.isfinite(found.rates[found.kind == CLEAN])
    n_missing = known.size - int(known.sum())
    return [f"{n_missing:,} of {known.size:,} responses are missing (NaN): they count nowhere."] if n_missing else []


def _more(n: int) -> str:
    return f" and {n - _MOST_NAMED:,} more (sites.csv)" if n > _MOST_NAMED else ""
