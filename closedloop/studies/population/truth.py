"""What only a simulation knows: how the hidden cortex's own responses are decoded, without measurement noise.

It judges the methods and is no part of them: rows of it are marked, and a real study has none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from closedloop.analysis.decoding.linear import margin_of
from closedloop.artifacts.day_responses import DayResponses, read_day_responses
from closedloop.artifacts.files.kinds import reader_of
from closedloop.artifacts.protocol.protocol import Protocol, read_protocol
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.stimulus_set import StimulusSet
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.simulation.subject import simulated_cortex
from closedloop.stages.evaluate.hidden_truth import HiddenTruth, read_hidden_truth
from closedloop.studies.population.decoding import DecodedPairs, Decoders
from closedloop.studies.population.recorded import Floats, Indices, RecordedPopulation


@dataclass(frozen=True)
class HiddenSubject:
    """A simulated study's folder, protocol and identity."""

    paths: StudyPaths
    protocol: Protocol
    study: StudyDocument

    def day(self, session: tuple[int, int]) -> DayResponses:
        """Return what was shown and recorded in a session."""
        block = Block(*session)
        recording = self.protocol.recording
        window_s = (recording.window_stop_ms - recording.window_start_ms) / 1000
        return read_day_responses(reader_of(self.paths.at(block)), block.day, window_s=window_s)

    def truth(self, day: DayResponses, session: tuple[int, int]) -> HiddenTruth:
        """Return what the hidden cortex answers to a session's stimuli.

        Parameters
        ----------
        day
            The stimuli and the sites.
        session
            On which day.
        """
        return read_hidden_truth(
            simulated_cortex(self.protocol, self.study),
            day,
            recording_day=session[0],
            n_processors=self.protocol.simulation.n_processors,
            name=f"hidden cortex of {self.study.subject} on day {session[0]}",
        )


def simulated_subject(folder: Path) -> HiddenSubject:
    """Return what is known of a simulated study's subject."""
    paths = StudyPaths(folder)
    return HiddenSubject(paths, read_protocol(paths.protocol), StudyDocument.read(paths.study))


def true_responses(subject: HiddenSubject, recorded: RecordedPopulation) -> Floats:
    """Return the hidden cortex's answer to every stimulus, on the scale of the recorded ones, (n_stimuli, n_sites).

    Parameters
    ----------
    subject
        The simulated study.
    recorded
        What was recorded of it.
    """
    z = np.empty((len(recorded.stimuli.kind), len(recorded.sites)))
    for number, session in enumerate(recorded.sessions):
        rows = np.flatnonzero(recorded.stimuli.session == number)
        day = with_stimuli(subject.day(session), recorded.stimuli.image_index[rows])
        rates = subject.truth(day, session).rates_hz[:, places_of(day, recorded.sites)]
        mean, spread = recorded.scales[number]
        z[rows] = (rates - mean) / spread
    return z


def true_pairs(pairs: DecodedPairs, z: Floats, recorded: RecordedPopulation, decoders: Decoders) -> DecodedPairs:
    """Return the same pairs decoded from the hidden cortex's responses.

    Parameters
    ----------
    pairs
        As recorded.
    z
        Of every stimulus (`true_responses`).
    recorded, decoders
        The study, and the decoders that were fitted to what was recorded.
    """
    clean, own = recorded.stimuli.clean[pairs.stimulus], decoders.numbers_of(pairs.category)
    folds = decoders.folds_of(pairs.image_id)
    (right_clean, margin_clean), (right_changed, margin_changed) = (
        _decoded(decoders, z[rows], own, folds) for rows in (clean, pairs.stimulus)
    )
    return replace(
        pairs,
        right_clean=right_clean,
        right_changed=right_changed,
        margin_clean=margin_clean,
        margin_changed=margin_changed,
        clean_repetitions=z[clean][:, :, None],
        changed_repetitions=z[pairs.stimulus][:, :, None],
    )


def _decoded(decoders: Decoders, z: Floats, own: Indices, folds: Indices) -> tuple[Floats, Floats]:
    scores = np.empty((len(z), len(decoders.categories)))
    for fold, decoder in enumerate(decoders.of_folds):
        scores[folds == fold] = decoder.scores(z[folds == fold])
    return (scores.argmax(axis=1) == own).astype(np.float64), margin_of(scores, own)


def squares_of_truth(pairs: DecodedPairs) -> Floats:
    """Return the squared movement of the hidden cortex, (n_pairs,)."""
    moved = pairs.changed_repetitions[..., 0] - pairs.clean_repetitions[..., 0]
    return np.asarray((moved**2).sum(axis=1))


def with_stimuli(day: DayResponses, image_index: Indices) -> DayResponses:
    """Return a session with some of its stimuli alone, in this order."""
    columns = {name: column[image_index] for name, column in day.stimuli.columns.items()}
    return replace(day, stimuli=StimulusSet(columns, day.stimuli.images[image_index]))


def places_of(day: DayResponses, sites: tuple[str, ...]) -> list[int]:
    """Return where sites stand among the model's outputs."""
    names = [site.neuroid_id for site in day.sites]
    return [names.index(site) for site in sites]
