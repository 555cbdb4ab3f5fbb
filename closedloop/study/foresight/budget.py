"""What a day of an experiment costs before anything of it is made: presentations, hours, disk, time of attacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from closedloop.artifacts.protocol.objectives.stated import objective_images_of
from closedloop.artifacts.protocol.protocol import (
    Protocol,
    attacked_per_day,
    controls_per_day,
    fresh_images_of,
    fresh_images_until,
    presentations_per_day,
    raised_of,
    session_hours,
)
from closedloop.gates.preflight.disk import ELECTRODES, recording_bytes

_S_PER_HOUR = 3_600
_COPIES = 2  # of a day's images: the stimulus set, and the session folder that travels to the rig
_COLOURS = 3


@dataclass(frozen=True)
class DayBudget:
    """A day in numbers.

    Attributes
    ----------
    n_presentations, n_images, n_attacks
        Shown in a day, repetitions counted; different ones; those of them that a search has to find.
    hours, hours_allowed
        How long the session takes at the protocol's pace, and how long it may.
    n_days
        Of the study.
    n_clean_images
        That all days need of the folder of images.
    recording_bytes, images_bytes
        That a day writes: the recorder's files, and the session's images on the study's disk.
    """

    n_presentations: int
    n_images: int
    n_attacks: int
    hours: float
    hours_allowed: float
    n_days: int
    n_clean_images: int
    recording_bytes: float
    images_bytes: int


def day_budget(protocol: Protocol, *, n_arrays: int, nsx: Sequence[str]) -> DayBudget:
    """Return what a day with all of its sites costs.

    Parameters
    ----------
    protocol
        The experiment.
    n_arrays
        Utah arrays in the animal.
    nsx
        Suffixes of the files that each array's recording has besides its .nev.
    """
    images = protocol.images
    at_first = images.anchors + images.normalizers
    n_attacks = attacked_per_day(protocol) + raised_of(protocol, protocol.days - 1)
    fresh = fresh_images_of(protocol, protocol.days - 1)
    n_made = n_attacks + controls_per_day(protocol) + protocol.probes.n_made
    n_made += protocol.population.n_shown(protocol.days - 1)
    n_made += objective_images_of(protocol.objectives, protocol.days - 1, n_sites=protocol.sites.n_sites)
    n_made += protocol.arms.n_made(protocol.days - 1)
    n_made += protocol.evolution.n_shown(protocol.days - 1)
    n_images = fresh + at_first + n_made
    hours = session_hours(protocol)
    return DayBudget(
        n_presentations=presentations_per_day(protocol),
        n_images=n_images,
        n_attacks=n_attacks,
        hours=hours,
        hours_allowed=protocol.trial.hours_per_day,
        n_days=protocol.days,
        n_clean_images=at_first + fresh_images_until(protocol, protocol.days),
        recording_bytes=recording_bytes(
            protocol.recording, n_electrodes=ELECTRODES * n_arrays, nsx=nsx, seconds=hours * _S_PER_HOUR
        ),
        images_bytes=n_images * images.side_px**2 * _COLOURS * _COPIES,
    )
