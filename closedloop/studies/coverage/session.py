"""A recording session in memory: which images an experiment draws from its subject, and the counts that they evoke."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts.day.responses import Site
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.naming import generator
from closedloop.artifacts.stimulus_set import StimulusSet
from closedloop.simulation.cortex.trials import PresentationSequence, presented_rates_hz
from closedloop.studies.coverage.settings import WINDOW_S, CoverageStudy
from closedloop.studies.coverage.subject import DAY, EARLY, LATE, Floats, Integers, SimulatedSubject

SHAM = "sham"
"""Role of the pairs whose attacked image is the clean one once more."""

_PER_TRIAL, _PERIOD_S, _BETWEEN_S = 6, 0.2, 1.0
_APART, _APART_S = 1_000_000, 36_000.0  # of the ordinals and times of two sessions: gains of either are its own
_KINDS = ("gaussian", "linear")
_NO_IMAGE = 1


@dataclass(frozen=True)
class DrawnStimuli:
    """The images of one experiment, as rows of its subject's banks.

    Attributes
    ----------
    clean, anchor, controlled
        Fresh clean images, anchors by their place, and images that controls are made of.
    pair, place
        Pairs that are attacked: row of the bank's pairs, and place of the anchor, (n_pairs,).
    """

    clean: Integers
    anchor: Integers
    controlled: Integers
    pair: Integers
    place: Integers


@dataclass(frozen=True)
class SimulatedSession:
    """What was measured, and what is true.

    Attributes
    ----------
    day
        As the loop reads it from a day's files.
    true_rates_hz
        (n_images, n_sites), without noise.
    """

    day: DayResponses
    true_rates_hz: Floats


def draw_images(subject: SimulatedSubject, study: CoverageStudy, experiment: int) -> DrawnStimuli:
    """Draw an experiment's images from its subject's, with replacement: an image drawn twice counts as two.

    Parameters
    ----------
    subject
        With its banks.
    study
        The design.
    experiment
        Its number.
    """
    rng = generator(study.seed, "coverage", experiment, "draws")
    bank = subject.slot_bank
    anchor = bank[np.arange(len(bank)), rng.integers(bank.shape[1], size=len(bank))]
    row = np.full((len(subject.anchor_hz), study.n_sites), -1)
    row[subject.pair_image, subject.pair_site] = np.arange(len(subject.pair_image))
    place, site = np.nonzero(row[anchor] >= 0)
    return DrawnStimuli(
        clean=rng.integers(len(subject.clean_hz), size=study.n_clean),
        anchor=anchor,
        controlled=rng.integers(len(subject.control_clean_hz), size=study.n_controls),
        pair=row[anchor[place], site],
        place=place,
    )


def simulate_session(
    subject: SimulatedSubject,
    drawn: DrawnStimuli,
    study: CoverageStudy,
    *,
    experiment: int,
    day: int,
    n_repetitions: int,
) -> SimulatedSession:
    """Show an experiment's images in random order and count the spikes.

    Parameters
    ----------
    subject, drawn, study, experiment
        Whose images.
    day
        `EARLY`: with the attacks of that day; `LATE`: with controls and shams beside.
    n_repetitions
        Of every image but the anchors' clean ones.
    """
    stimuli, rates_hz, repetitions = _stimuli(subject, drawn, study, day=day, n_repetitions=n_repetitions)
    rng = generator(study.seed, "coverage", experiment, "session", day, n_repetitions)
    image_index = rng.permutation(np.repeat(np.arange(len(rates_hz)), repetitions))
    ordinal = np.arange(len(image_index))
    number = 2 * (study.repetitions.index(n_repetitions) + len(study.repetitions) * experiment) + (day == LATE)
    sequence = PresentationSequence(
        images=stimuli.images,
        image_index=image_index,
        ordinal=ordinal + _APART * number,
        onset_s=_PERIOD_S * ordinal + _BETWEEN_S * (ordinal // _PER_TRIAL) + _APART_S * number,
        follows_previous=ordinal % _PER_TRIAL > 0,
    )
    evoked = presented_rates_hz(subject.cortex, rates_hz, sequence, day=DAY)[:, subject.electrode]
    counts = rng.poisson(evoked * WINDOW_S)
    responses = DayResponses(
        stimuli=stimuli,
        sites=tuple(_site(site, electrode) for site, electrode in enumerate(subject.electrode.tolist())),
        presentations={"image_index": image_index, "ordinal": ordinal},
        rates_hz=counts / WINDOW_S,
    )
    return SimulatedSession(responses, rates_hz[:, subject.electrode])


def _stimuli(
    subject: SimulatedSubject, drawn: DrawnStimuli, study: CoverageStudy, *, day: int, n_repetitions: int
) -> tuple[StimulusSet, Floats, Integers]:
    """Return the stimuli, their rates, (n, n_electrodes), and their repetitions, (n,)."""
    parts = [
        _part("clean", "clean", subject.clean_hz[drawn.clean], n_repetitions),
        _part("clean", "anchor", subject.anchor_hz[drawn.anchor], study.anchor_repetitions),
        _part("clean", "control", subject.control_clean_hz[drawn.controlled], study.anchor_repetitions),
    ]
    first_anchor, first_controlled = len(drawn.clean), len(drawn.clean) + len(drawn.anchor)
    pair = {
        "clean_index": first_anchor + drawn.place,
        "site_index": subject.pair_site[drawn.pair],
        "predicted_sign": subject.sign[drawn.pair],
    }
    for row, epsilon in enumerate(study.epsilons):
        own = pair | {"epsilon": epsilon, "predicted_attacked": subject.predicted_hz[row, drawn.pair]}
        parts.append(_part("attacked", "anchor", subject.attacked_hz[day, row, drawn.pair], n_repetitions, **own))
        if day == LATE:
            same = subject.anchor_hz[drawn.anchor[drawn.place]]
            parts.append(_part("attacked", SHAM, same, n_repetitions, **own))
    if day == LATE:
        controlled = {"clean_index": first_controlled + np.arange(len(drawn.controlled))}
        same = subject.control_clean_hz[drawn.controlled]
        parts.append(_part(_KINDS[0], SHAM, same, n_repetitions, **controlled, epsilon=0.0))
        parts += [
            _part(name, "anchor", rates[drawn.controlled], n_repetitions, **controlled, epsilon=epsilon)
            for name, by_epsilon in zip(_KINDS, subject.control_hz, strict=True)
            for epsilon, rates in zip(study.epsilons, by_epsilon, strict=True)
        ]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    n = len(columns["kind"])
    n_clean = first_controlled + len(drawn.controlled)
    columns["clean_index"][:n_clean] = np.arange(n_clean)
    columns |= {"stimulus_id": np.arange(n), "image_id": columns["clean_index"].astype(str)}
    columns["realised_epsilon"] = columns["epsilon"]
    rates, repetitions = columns.pop("rates_hz"), columns.pop("repetitions")
    return StimulusSet(columns, np.zeros((n, _NO_IMAGE, _NO_IMAGE, 3), np.uint8)), rates, repetitions


def _part(kind: str, role: str, rates_hz: Floats, repetitions: int, **columns: Any) -> dict[str, NDArray[Any]]:
    n = len(rates_hz)
    defaults = {
        "clean_index": 0,
        "site_index": -1,
        "epsilon": 0.0,
        "predicted_sign": 0,
        "predicted_clean": 0.0,
        "predicted_attacked": 0.0,
    }
    filled = {name: np.broadcast_to(columns.get(name, value), n) for name, value in defaults.items()}
    return {
        **filled,
        "kind": np.full(n, kind),
        "role": np.full(n, role),
        "rates_hz": rates_hz,
        "repetitions": np.full(n, repetitions),
    }


def _site(site: int, electrode: int) -> Site:
    return Site(
        neuroid_id=f"site-{site:03d}",
        electrode_id=electrode + 1,
        reliability=None,
        mean_rate_hz=None,
        sigma_hz=None,
        site_index=site,
    )


__all__ = ["EARLY", "LATE", "SHAM", "DrawnStimuli", "SimulatedSession", "draw_images", "simulate_session"]
