"""The work of the question about sites: attacks on the cortex, and a decoder for each cut, all side by side."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from closedloop.artifacts.naming import derive_seed
from closedloop.defenses.trained_decoder import CUTS, TrainedDecoder, leave_decoder
from closedloop.execution.phases import WorkPhase
from closedloop.execution.stored.piece import shard_piece
from closedloop.studies.purification.sites.measure import DrivenSites, leave_driven

N_IMAGES, EPOCHS = 4000, 8
"""Of a decoder's training: within a minute of a processor, and near where it stops to gain."""

_NUMPY_SEEDS = 2**62
_DRIVEN_COST, _DECODER_COST = 8_000.0, 67_000.0  # ms of a processor, measured


class SiteQuestion(NamedTuple):
    """Attacks on the cortex, and the decoders that purify."""

    driven: DrivenSites
    decoders: tuple[TrainedDecoder, ...]


def plan_sites(folder: Path, *, seed: int) -> SiteQuestion:
    """Return what is to be made.

    Parameters
    ----------
    folder
        Where files go.
    seed
        Of the study.
    """
    seeds = (
        derive_seed(seed, "decoder") % _NUMPY_SEEDS,
        derive_seed(seed, "purification", "decoder images"),
        derive_seed(seed, "purification", "decoder draw"),
    )
    decoders = tuple(TrainedDecoder(cut, N_IMAGES, EPOCHS, *seeds, folder) for cut in CUTS)
    return SiteQuestion(DrivenSites(folder), decoders)


def site_phase(question: SiteQuestion) -> WorkPhase:
    """Return the work, what is done left out.

    Parameters
    ----------
    question
        Of `plan_sites`.
    """
    pieces = [shard_piece(leave_decoder, one) for one in question.decoders if not one.path.exists()]
    attacks = [] if question.driven.path.exists() else [shard_piece(leave_driven, question.driven)]
    costs = (*(_DECODER_COST for _ in question.decoders), _DRIVEN_COST)
    return WorkPhase((*pieces, *attacks), costs)
