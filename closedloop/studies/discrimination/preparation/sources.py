"""Where the images of an experiment come from, as a command line names it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.errors import OptionError
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import Workers
from closedloop.studies.discrimination.preparation.attacked import ImageRequest, attacked_pairs
from closedloop.studies.discrimination.preparation.stimuli import StimulusPairs, pairs_of_folder, pairs_of_study
from closedloop.studies.networks import NetworkChoice


@dataclass(frozen=True)
class PairSource:
    """One of three: a study, a folder, or a network that is attacked.

    Attributes
    ----------
    study, day
        A study's folder and which of its days; None: the last one with attacks.
    folder
        A folder with pairs.csv.
    network, epsilons, n_images
        What is attacked where neither is given.
    seed
        Of the attacks.
    """

    study: Path | None
    day: int | None
    folder: Path | None
    network: NetworkChoice
    epsilons: tuple[float, ...]
    n_images: int
    seed: int


def check_source(source: PairSource) -> None:
    """Refuse two sources at once, and a day without a study.

    Raises
    ------
    OptionError
        There are.
    """
    if source.study is not None and source.folder is not None:
        raise OptionError("--study, --images: expected one of the two, found both. Leave one out.")
    if source.day is not None and source.study is None:
        raise OptionError("--day: expected the study whose day it is, found none. Name it by --study.")


def find_pairs(source: PairSource, pieces: Path, *, workers: Workers, progress: ProgressCallback) -> StimulusPairs:
    """Return the images that a source has.

    Parameters
    ----------
    source
        Which.
    pieces
        Folder of the attacks, where a network is attacked.
    workers
        Who attacks.
    progress
        Called with (pieces done, pieces in total).

    Raises
    ------
    ClosedLoopError
        The study, the folder or the network cannot be used.
    """
    if source.study is not None:
        return pairs_of_study(source.study, source.day)
    if source.folder is not None:
        return pairs_of_folder(source.folder)
    request = ImageRequest(source.network, source.n_images, source.epsilons, source.seed)
    return attacked_pairs(request, pieces, workers=workers, progress=progress)
