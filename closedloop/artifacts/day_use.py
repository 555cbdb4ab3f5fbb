"""What of a day may be fitted and what may be evaluated: by a stimulus' role, and by what people left out.

The one place that says so: fit, evaluation and report ask here. Anchors, the attacks on them and the probes made from
them, normalizers, controls, attacks on a decoder, planes, images of other objectives and the images that a few sites
share (`REPEATED`) are never fitted: on the anchors days are compared, so a model must not have seen them. Probes and
images that are shown once are fitted and never evaluated. What is shown for category preference is fitted, evaluated
for that alone, and part of no sensitivity and of no SD: its images are no sample of all images. What people left out
keeps its place in every table and has no response there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.amended.exclusions import Exclusion, said
from closedloop.artifacts.day.population.kinds import POPULATION_KINDS
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.protocol.attack import MODEL_FREE_KINDS
from closedloop.artifacts.protocol.image_sensitivity import REPEATED
from closedloop.artifacts.protocol.objectives.stated import OBJECTIVE
from closedloop.artifacts.protocol.plane import PLANE
from closedloop.artifacts.stimulus_set import StimulusSet

Rows = NDArray[np.int64]

PROBE = "probe"
"""The kind of an image that is shown once to teach the model."""

PREFERENCE = "preference"
"""The kind of an attack that is to raise a site on an image of a category it likes least, and that image's role."""

SHOWN_MANY_TIMES = (REPEATED, PLANE)
"""Roles of clean images that a day shows more often than other days show theirs: they tell no reliability of a day."""

FITTED_ROLES = ("clean", "single", PREFERENCE)
"""Roles of the images that are fitted, with what is made from them: fresh ones, repeated or shown once."""


def fitted_rows(stimuli: StimulusSet) -> Rows:
    """Return the stimuli that a model is fitted to: fresh clean images, the attacks on them and probes from them."""
    return stimuli.rows(kind=("clean", "attacked", PREFERENCE, PROBE), role=FITTED_ROLES)


def held_out_probe_rows(stimuli: StimulusSet) -> Rows:
    """Return the probes that no model sees: those made from anchors."""
    return stimuli.rows(kind=PROBE, role="anchor")


def held_out_rows(stimuli: StimulusSet) -> tuple[Rows, str]:
    """Return the clean images that no model sees, and what they are called: anchors, or normalizers without any."""
    anchors = stimuli.rows(kind="clean", role="anchor")
    return (anchors, "anchors") if len(anchors) else (stimuli.rows(kind="clean", role="normalizer"), "normalizers")


def scaling_rows(stimuli: StimulusSet) -> Rows:
    """Return the clean images by which days are put on one scale: normalizers, or all clean ones without any."""
    normalizers = stimuli.rows(kind="clean", role="normalizer")
    return normalizers if len(normalizers) else evaluated_clean_rows(stimuli)


def evaluated_clean_rows(stimuli: StimulusSet) -> Rows:
    """Return the clean images over which a site's SD, reliability and preference are evaluated: fresh ones."""
    return stimuli.rows(kind="clean", role="clean")


def attacked_rows(stimuli: StimulusSet) -> Rows:
    """Return the day's attacks, each evaluated at the site that it was made for; at the others it is a control."""
    return stimuli.rows(kind="attacked")


def repeated_rows(stimuli: StimulusSet) -> Rows:
    """Return the attacks that are shown many times, for a few sites: evaluated by themselves, image by image."""
    return stimuli.rows(kind=REPEATED)


def plane_rows(stimuli: StimulusSet) -> Rows:
    """Return the images of planes around clean ones, each evaluated at the site whose plane it is, by itself."""
    return stimuli.rows(kind=PLANE)


def objective_rows(stimuli: StimulusSet) -> Rows:
    """Return the images that are to attain an objective: never fitted, and in no estimate of sensitivity."""
    return stimuli.rows(kind=OBJECTIVE)


def raised_rows(stimuli: StimulusSet) -> Rows:
    """Return the attacks on images of least preferred categories, each evaluated at its own site, in no estimate."""
    return stimuli.rows(kind=PREFERENCE)


def attacked_again_rows(stimuli: StimulusSet) -> Rows:
    """Return the attacks of the day before that were shown again, each evaluated at the site that it was made for."""
    return stimuli.rows(kind="yesterday")


def control_rows(stimuli: StimulusSet) -> Rows:
    """Return the controls that serve all sites: noise, interpolations and shams."""
    return stimuli.rows(kind=(*MODEL_FREE_KINDS, "sham"))


def decoder_rows(stimuli: StimulusSet) -> Rows:
    """Return the clean images that a decoder of category is fitted to: fresh ones, no anchor that it is asked about."""
    return stimuli.rows(kind="clean", role=FITTED_ROLES)


def population_rows(stimuli: StimulusSet) -> Rows:
    """Return the attacks on a decoder and the noise beside them: never fitted, and in no estimate of sensitivity."""
    return stimuli.rows(kind=POPULATION_KINDS)


def leave_out(
    day: DayResponses, exclusions: Iterable[Exclusion], *, recording_day: int
) -> tuple[DayResponses, dict[str, int]]:
    """Take away the responses of what people left out.

    Parameters
    ----------
    day
        What the sites answered.
    exclusions
        What is left out, of any day.
    recording_day
        Which day it is.

    Returns
    -------
    tuple[DayResponses, dict[str, int]]
        The day with NaN in place of what is left out, and how many responses of a site to a presentation each
        exclusion took away, by its words.
    """
    rates, n_taken = day.rates_hz.copy(), dict[str, int]()
    for one in exclusions:
        if one.covers(recording_day):
            taken = np.outer(_covered_presentations(day, one), _covered_sites(day, one))
            n_taken[said(one)] = int(np.isfinite(day.rates_hz[taken]).sum())
            rates[taken] = np.nan
    return (replace(day, rates_hz=rates), n_taken) if n_taken else (day, {})


def _covered_presentations(day: DayResponses, one: Exclusion) -> NDArray[np.bool_]:
    ordinal = np.asarray(day.presentations["ordinal"], dtype=np.int64)
    if one.first is None or one.last is None:
        return np.ones(len(ordinal), dtype=bool)
    return (ordinal >= one.first) & (ordinal <= one.last)


def _covered_sites(day: DayResponses, one: Exclusion) -> NDArray[np.bool_]:
    if one.thing in ("day", "presentations"):
        return np.ones(len(day.sites), dtype=bool)
    return np.array([one.covers_site(site.neuroid_id) for site in day.sites], dtype=bool)
