"""Attacks on the decoder that no session showed: the model's, by two gradients, and the hidden cortex's own.

Only a simulation can be asked what it would have answered. The three say how much of what a decoder can lose is found:
along the model's own gradient, along the one that a cortex shares of it, and along the cortex's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.decoding.linear import LinearDecoder, margin_of
from closedloop.artifacts.catalog import MODEL
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.protocol.attack import Gradient
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.stimulus_set import StimulusSet
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import COSINE
from closedloop.attacks.synthesis.decoded import DecodedModel, read_margins
from closedloop.attacks.synthesis.items import AttackItem
from closedloop.attacks.synthesis.sources import ModelSource, site_model_file
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import Workers
from closedloop.stages.from_protocol.attack import estimator_of, lattice_of
from closedloop.studies.population.decoding import DecodedPairs, Decoders
from closedloop.studies.population.recorded import Floats, Indices, RecordedPopulation
from closedloop.studies.population.truth import HiddenSubject, places_of, with_stimuli

PLAIN, SHARED, WHITE_BOX = "decoder_plain", "decoder_shared", "decoder_white_box"
UNSHOWN = (PLAIN, SHARED, WHITE_BOX)
"""Their kinds: along the model's own gradient, the protocol's, and the cortex's own."""

_STEPS = 20
_LATTICE_STEP = 0.1  # of epsilon, where steps on whole levels follow


@dataclass(frozen=True)
class _Bases:
    """The anchors that are attacked, of the last session that attacked anything."""

    subject: HiddenSubject
    session: tuple[int, int]
    day: DayResponses
    places: list[int]
    scale: Floats
    category: NDArray[np.str_]
    image_id: NDArray[np.str_]
    own: Indices

    @property
    def images(self) -> NDArray[np.uint8]:
        """Their pixels."""
        return self.day.stimuli.images

    def z_of(self, images: NDArray[np.uint8]) -> Floats:
        """Return the hidden cortex's responses to images, on the scale of the recorded ones, (n, n_sites)."""
        shown = replace(
            self.day, stimuli=StimulusSet({"stimulus_id": np.array(list(map(stimulus_id, images)))}, images)
        )
        mean, spread = self.scale
        return np.asarray((self.subject.truth(shown, self.session).rates_hz[:, self.places] - mean) / spread)


def attack_unshown(
    subject: HiddenSubject,
    recorded: RecordedPopulation,
    decoders: Decoders,
    *,
    folder: Path,
    workers: Workers,
    progress: ProgressCallback,
) -> tuple[DecodedPairs, ...]:
    """Attack the decoder of all taught images on the last session's anchors, by three gradients; ask the hidden cortex.

    Parameters
    ----------
    subject
        The simulated study.
    recorded, decoders
        The study, and the decoders that were fitted to what was recorded.
    folder
        Where half-done work lies; a restart finds it again.
    workers
        Who computes.
    progress
        Called with (attacks done, in total).

    Returns
    -------
    tuple of DecodedPairs
        One a gradient; none where there are no anchors.
    """
    bases = _bases(subject, recorded, decoders)
    if bases is None:
        return ()
    epsilons, found = subject.protocol.attack.epsilons, []
    clean, searches = bases.z_of(bases.images), _searches(bases, decoders)
    n = len(bases.own) * len(epsilons)
    for place, one in enumerate(searches):

        def report(done: int, _total: int, before: int = place * n) -> None:
            progress(before + done, len(searches) * n)

        attacked = _attacked(one, bases, epsilons, folder=folder / one.kind, workers=workers, progress=report)
        pair = np.tile(clean, (len(epsilons), 1)), bases.z_of(attacked)
        found.append(_pairs(one.kind, bases, epsilons, pair, decoder=decoders.whole))
    return tuple(found)


def _bases(subject: HiddenSubject, recorded: RecordedPopulation, decoders: Decoders) -> _Bases | None:
    stimuli = recorded.stimuli
    attacked = stimuli.session[np.isin(stimuli.kind, ("attacked", "population"))]
    number = int(attacked.max(initial=-1))
    rows = np.flatnonzero((stimuli.session == number) & (stimuli.kind == "clean") & (stimuli.role == "anchor"))
    rows = rows[decoders.numbers_of(stimuli.category[rows]) >= 0]
    if not len(rows):
        return None
    session = recorded.sessions[number]
    day = with_stimuli(subject.day(session), stimuli.image_index[rows])
    return _Bases(
        subject,
        session,
        day,
        places_of(day, recorded.sites),
        recorded.scales[number],
        stimuli.category[rows],
        stimuli.image_id[rows],
        decoders.numbers_of(stimuli.category[rows]),
    )


@dataclass(frozen=True)
class _DecoderSearch:
    """One way to attack the decoder."""

    kind: str
    model: ModelSource
    method: Method
    lattice: LatticeSettings


def _searches(bases: _Bases, decoders: Decoders) -> list[_DecoderSearch]:
    decoder, protocol = decoders.whole, bases.subject.protocol
    paths = bases.subject.paths.at(Block(*bases.session))
    model = site_model_file(MODEL.published(paths, bases.session[0]))
    weights = _at(bases.places, decoder.weights, protocol.sites.n_sites)
    of_model = DecodedModel(model, read_margins(weights, decoder.offsets))
    mean, spread = bases.scale
    per_hz = decoder.weights / spread
    cortex = bases.subject.truth(with_stimuli(bases.day, np.arange(1)), bases.session).source
    read = read_margins(_at(bases.places, per_hz, len(bases.day.sites)), decoder.offsets - per_hz @ mean)
    search, shared = replace(COSINE, steps=_STEPS, step_fraction=1.0), protocol.attack.gradient
    to_lattice = replace(search, last_fraction=_LATTICE_STEP)
    made = [_DecoderSearch(PLAIN, of_model, Method(to_lattice), LatticeSettings())]
    if shared != Gradient():
        made.append(_DecoderSearch(SHARED, of_model, Method(search, estimator_of(shared)), lattice_of(shared)))
    return [*made, _DecoderSearch(WHITE_BOX, DecodedModel(cortex, read), Method(to_lattice), LatticeSettings())]


def _at(places: Sequence[int], weights: Floats, n_outputs: int) -> Floats:
    """Return weights of all outputs, 0 where a decoder does not read."""
    whole = np.zeros((len(weights), n_outputs))
    whole[:, places] = weights
    return whole


def _attacked(
    search: _DecoderSearch,
    bases: _Bases,
    epsilons: Sequence[float],
    *,
    folder: Path,
    workers: Workers,
    progress: ProgressCallback,
) -> NDArray[np.uint8]:
    items = [
        AttackItem(f"unshown|{search.kind}|{image_id}|{epsilon:g}", place, int(own), epsilon)
        for epsilon in epsilons
        for place, (image_id, own) in enumerate(zip(bases.image_id, bases.own, strict=True))
    ]
    found = synthesize(
        search.model,
        items,
        bases.images,
        method=search.method,
        lattice=search.lattice,
        directions=(+1,),
        workers=workers,
        shard_folder=folder,
        progress=progress,
    )
    return np.asarray(found.attacked)


def _pairs(
    kind: str, bases: _Bases, epsilons: Sequence[float], pair: tuple[Floats, Floats], *, decoder: LinearDecoder
) -> DecodedPairs:
    n, n_epsilons = len(bases.own), len(epsilons)
    own = np.tile(bases.own, n_epsilons)
    before, after = (decoder.scores(z) for z in pair)
    return DecodedPairs(
        kind=np.full(n * n_epsilons, kind),
        category=np.tile(bases.category, n_epsilons),
        image_id=np.tile(bases.image_id, n_epsilons),
        epsilon=np.repeat(np.array(epsilons), n),
        right_clean=(before.argmax(axis=1) == own).astype(np.float64),
        right_changed=(after.argmax(axis=1) == own).astype(np.float64),
        margin_clean=margin_of(before, own),
        margin_changed=margin_of(after, own),
        stimulus=np.full(n * n_epsilons, -1),
        clean_stimulus=np.full(n * n_epsilons, -1),
        clean_repetitions=pair[0][:, :, None],
        changed_repetitions=pair[1][:, :, None],
    )
