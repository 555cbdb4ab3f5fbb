"""The presentations of a study on one scale, with what each shows: from its published files alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.access.counted import counted_responses
from closedloop.access.opening import open_study
from closedloop.access.study import Study
from closedloop.analysis.normalizers import z_score
from closedloop.analysis.reliability import mean_response
from closedloop.artifacts.day.population.kinds import POPULATION_KINDS
from closedloop.artifacts.day_use import FITTED_ROLES
from closedloop.artifacts.tables import Columns
from closedloop.errors import StudyError

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

CLEAN = "clean"
CHANGED = ("attacked", "gaussian", "linear", "sham", *POPULATION_KINDS)
"""Kinds of change that are decoded; probes are shown once, and yesterday's attacks are those of another day."""


@dataclass(frozen=True)
class Stimuli:
    """The different images of all sessions that are decoded or teach a decoder, a row each.

    Attributes
    ----------
    session
        In which it was shown, (n_stimuli,); the same clean image on two days is two stimuli.
    image_index
        Row of that session's images.
    kind, role, image_id, category
        As in the stimulus table.
    epsilon
        0 of clean images.
    clean
        Row here of the clean image beneath, shown in the same session; -1 where that was not shown.
    """

    session: Indices
    image_index: Indices
    kind: NDArray[np.str_]
    role: NDArray[np.str_]
    image_id: NDArray[np.str_]
    category: NDArray[np.str_]
    epsilon: Floats
    clean: Indices


@dataclass(frozen=True)
class RecordedPopulation:
    """What all sites answered to each presentation.

    Attributes
    ----------
    sites
        neuroid_id of the sites with responses in every session, (n_sites,).
    sessions
        Day and number of each session, in order.
    stimuli
        What was shown.
    z
        Response of each presentation in SD over the session's normalizers (over its clean images, where it has none),
        (n_presentations, n_sites); presentations without a response at one of the sites are left out.
    stimulus
        Which each shows: a row of `stimuli`, (n_presentations,).
    scales
        Mean and SD of the normalizers, Hz, of each session, (n_sessions, 2, n_sites).
    n_left_out
        Presentations that counted at the rig and have no response at some site.
    """

    sites: tuple[str, ...]
    sessions: tuple[tuple[int, int], ...]
    stimuli: Stimuli
    z: Floats
    stimulus: Indices
    scales: Floats
    n_left_out: int


def read_population(folder: Path) -> RecordedPopulation:
    """Read every session of a study that is ingested.

    Parameters
    ----------
    folder
        The study.

    Raises
    ------
    StudyError
        Nothing is ingested, or no site has responses in every session.
    """
    parts = _parts(folder)
    shared = [site for site in parts[0].sites if all(part.has(site) for part in parts)]
    if not shared:
        raise StudyError(
            f"{folder}: expected sites with responses on all days, found none. There is nothing to decode from."
        )
    z, scales, tables, n_left_out = [], [], [], 0
    for number, part in enumerate(parts):
        rates, is_wanted = part.of(shared), np.isin(part.shown["kind"], (CLEAN, *CHANGED))
        is_whole, reference = np.isfinite(rates).all(axis=1), _reference(part.shown, rates)
        n_left_out += int((is_wanted & ~is_whole).sum())
        kept = is_wanted & is_whole
        z.append(z_score(rates[kept], reference))
        scales.append(np.stack([reference.mean(axis=0), reference.std(axis=0, ddof=1)]))
        session = np.full(int(kept.sum()), number)
        tables.append({name: column[kept] for name, column in part.shown.items()} | {"session": session})
    stimuli, stimulus = _stimuli({name: np.concatenate([table[name] for table in tables]) for name in tables[0]})
    return RecordedPopulation(
        sites=tuple(shared),
        sessions=tuple(part.session for part in parts),
        stimuli=stimuli,
        z=np.concatenate(z),
        stimulus=stimulus,
        scales=np.stack(scales),
        n_left_out=n_left_out,
    )


@dataclass(frozen=True)
class _SessionPart:
    """A session's presentations that count at the rig, and the responses to them."""

    session: tuple[int, int]
    shown: Columns
    sites: tuple[str, ...]
    rates: Floats

    def has(self, site: str) -> bool:
        """Return whether a site answered at all."""
        return site in self.sites and bool(np.isfinite(self.of([site])).any())

    def of(self, sites: list[str]) -> Floats:
        """Return the rates of some sites, (n_presentations, n)."""
        return self.rates[:, [self.sites.index(site) for site in sites]]


def _parts(folder: Path) -> list[_SessionPart]:
    """Read the sessions that are ingested, in order."""
    sessions = open_study(folder).sessions
    if not sessions:
        raise StudyError(f"{folder}: expected days with responses, found none. Record one, or name another study.")
    parts = [_part(open_study(folder, session=session), session) for session in sessions]
    counted = [part for part in parts if len(part.rates)]
    if not counted:
        raise StudyError(
            f"{folder}: expected responses that count, found that people left all of them out. Take some in."
        )
    return counted


_WHOLE_NUMBERS, _NAMES = ("image_index", "clean_index"), ("kind", "role", "image_id", "category")


def _part(study: Study, session: tuple[int, int]) -> _SessionPart:
    shown, rates = counted_responses(study, session[0])
    used = shown["used"].to_numpy(dtype=bool)
    columns: Columns = {
        **{name: shown[name].to_numpy(dtype=np.int64)[used] for name in _WHOLE_NUMBERS},
        **{name: shown[name].to_numpy(dtype=np.str_)[used] for name in _NAMES},
        "epsilon": shown["epsilon"].to_numpy(dtype=np.float64)[used],
    }
    return _SessionPart(session, columns, tuple(rates.columns), rates.to_numpy(dtype=np.float64)[used])


def _reference(shown: Columns, rates: Floats) -> Floats:
    """Return mean responses of the images by which sessions are put on one scale, (n_images, n_sites)."""
    is_clean = shown["kind"] == CLEAN
    normalizers = is_clean & (shown["role"] == "normalizer")
    rows = normalizers if normalizers.any() else is_clean & (shown["role"] == "clean")
    _, image = np.unique(shown["image_index"][rows], return_inverse=True)
    means = mean_response(rates[rows], image, n_images=int(image.max(initial=-1)) + 1)
    return np.asarray(means[np.isfinite(means).all(axis=1)])


def _stimuli(shown: Columns) -> tuple[Stimuli, Indices]:
    """Return the different stimuli by session and image, and which of them each presentation shows."""
    keys = np.stack([shown["session"], shown["image_index"]], axis=1)
    names, first, stimulus = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    place = {(int(session), int(image)): row for row, (session, image) in enumerate(names)}
    beneath = zip(names[:, 0].tolist(), shown["clean_index"][first].tolist(), strict=True)
    stimuli = Stimuli(
        session=names[:, 0],
        image_index=names[:, 1],
        kind=shown["kind"][first],
        role=shown["role"][first],
        image_id=shown["image_id"][first],
        category=shown["category"][first],
        epsilon=shown["epsilon"][first],
        clean=np.array([place.get(one, -1) for one in beneath], dtype=np.int64),
    )
    return stimuli, stimulus.reshape(-1)


def is_taught(stimuli: Stimuli) -> NDArray[np.bool_]:
    """Return which stimuli teach a decoder: fresh clean images, and no anchor."""
    return np.asarray((stimuli.kind == CLEAN) & np.isin(stimuli.role, FITTED_ROLES))
