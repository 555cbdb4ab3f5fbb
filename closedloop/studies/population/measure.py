"""The study from a folder to tables: decoding, redundancy, categories, what was sealed, and a simulation's truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from closedloop import __version__
from closedloop.access.opening import open_study
from closedloop.analysis.bootstrap import bootstrap_mean
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.tables import Columns, as_arrays
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import Workers
from closedloop.storage import resolved
from closedloop.studies.files import write_both
from closedloop.studies.population.decoding import (
    DecodedPairs,
    Decoders,
    clean_asked,
    clean_pairs,
    decode_pairs,
    fit_decoders,
    matched_repetitions,
)
from closedloop.studies.population.documents import BY_CATEGORY, DECODING, REDUNDANCY, SEALED, PopulationStudy
from closedloop.studies.population.recorded import Floats, RecordedPopulation, read_population
from closedloop.studies.population.sealed import sealed_rows
from closedloop.studies.population.settings import PopulationFiles
from closedloop.studies.population.tables import (
    Row,
    category_rows,
    clean_row,
    decoding_rows,
    redundancy_rows,
    squares_moved,
)

_HUNDRED = 100  # of which progress is told


@dataclass(frozen=True)
class MeasuredPopulation:
    """What was found: the settings and four tables."""

    document: PopulationStudy
    decoding: Columns
    redundancy: Columns
    by_category: Columns
    sealed: Columns


def measure_population(
    folder: Path, out: Path, *, seed: int, wants_truth: bool, name: str, workers: Workers, progress: ProgressCallback
) -> MeasuredPopulation:
    """Decode a study's attacks and write settings and tables.

    Killed and called again it goes on, and leaves the same bytes.

    Parameters
    ----------
    folder
        The study.
    out
        Where results go; made if missing.
    seed
        Of folds, shuffles and random starts.
    wants_truth
        Whether the hidden cortex of a simulated study is asked too.
    name
        What the settings call the study.
    workers
        Who makes attacks for the hidden cortex; what is found does not depend on it.
    progress
        Called with (hundredths done, 100).

    Raises
    ------
    StudyError
        The study has nothing to decode.
    """
    study, files = open_study(folder), PopulationFiles(out)
    told = Progress(progress)
    recorded = read_population(folder)
    told.say(10)
    decoders = fit_decoders(recorded, seed=seed, place=str(folder))
    n = matched_repetitions(recorded)
    pairs = decode_pairs(recorded, decoders, n=n)
    told.say(15)
    rows = [clean_row(*clean_asked(recorded, decoders, n=n), truth=False)] if len(pairs.kind) else []
    rows += decoding_rows(pairs, squares_moved(pairs), truth=False, n_sites=len(recorded.sites))
    has_truth = wants_truth and study.simulated
    if has_truth and len(pairs.kind):
        work = TruthWork(folder, resolved(files.shards), workers, told.between(30, 95))
        rows += _truth_rows(work, pairs, recorded, decoders)
    found = MeasuredPopulation(
        _document(recorded, decoders, n=n, seed=seed, has_truth=has_truth, name=name, folder=folder),
        as_arrays(rows, DECODING),
        as_arrays(_redundancy(pairs, recorded, decoders, seed=seed), REDUNDANCY),
        category_rows(decoders, pairs),
        as_arrays(sealed_rows(study), SEALED),
    )
    _write(found, files)
    told.say(_HUNDRED)
    return found


@dataclass(frozen=True)
class Progress:
    """Hundredths of the whole work."""

    progress: ProgressCallback

    def say(self, done: int) -> None:
        """Tell how much is done."""
        self.progress(done, _HUNDRED)

    def between(self, first: int, last: int) -> ProgressCallback:
        """Return what a part of the work is told to call: it is all between two hundredths."""

        def say(done: int, total: int) -> None:
            self.say(first + (last - first) * done // max(total, 1))

        return say


@dataclass(frozen=True)
class TruthWork:
    """Where the hidden cortex is asked."""

    folder: Path
    shards: Path
    workers: Workers
    progress: ProgressCallback


def _truth_rows(work: TruthWork, pairs: DecodedPairs, recorded: RecordedPopulation, decoders: Decoders) -> list[Row]:
    from closedloop.studies.population.truth import (  # noqa: PLC0415 - torch, for the hidden cortex alone
        simulated_subject,
        squares_of_truth,
        true_pairs,
        true_responses,
    )
    from closedloop.studies.population.unshown import attack_unshown  # noqa: PLC0415

    subject = simulated_subject(work.folder)
    z = true_responses(subject, recorded)
    truth = true_pairs(pairs, z, recorded, decoders)
    unshown = attack_unshown(
        subject, recorded, decoders, folder=work.shards, workers=work.workers, progress=work.progress
    )
    rows = [clean_row(*_each_once(truth), truth=True)]
    for part in (truth, *unshown):
        rows += decoding_rows(part, squares_of_truth(part), truth=True, n_sites=len(recorded.sites))
    return rows


def _each_once(pairs: DecodedPairs) -> tuple[Floats, np.ndarray]:
    """Return the clean images beneath the pairs, each once a session: part decoded rightly, and names."""
    _, first = np.unique(np.c_[pairs.clean_stimulus], return_index=True)
    return pairs.right_clean[first], pairs.image_id[first]


def _redundancy(pairs: DecodedPairs, recorded: RecordedPopulation, decoders: Decoders, *, seed: int) -> list[Row]:
    natural = clean_pairs(recorded, decoders, seed=seed)
    return redundancy_rows(pairs, natural, decoders)


def _document(
    recorded: RecordedPopulation,
    decoders: Decoders,
    *,
    n: int,
    seed: int,
    has_truth: bool,
    name: str,
    folder: Path,
) -> PopulationStudy:
    study = open_study(folder)
    right = decoders.cross_validated.astype(np.float64)
    image, chance = np.arange(len(right)), decoders.chance(seed=derive_seed(seed, "shuffles"))
    accuracy = bootstrap_mean(right, image_index=image, site_index=np.zeros_like(image), seed=0, over="images")
    low, high = np.quantile(chance, _MIDDLE_95)
    return PopulationStudy(
        simulated=study.simulated,
        code_version=__version__,
        seed=seed,
        study=name,
        subject=study.subject,
        protocol=study.protocol.name,
        days=tuple(sorted({day for day, _ in recorded.sessions})),
        n_sites=len(recorded.sites),
        categories=decoders.categories,
        n_taught=len(right),
        shrinkage=decoders.whole.shrinkage,
        n_repetitions=n,
        n_left_out=recorded.n_left_out,
        accuracy=accuracy.mean,
        accuracy_low=accuracy.interval[0],
        accuracy_high=accuracy.interval[1],
        chance=float(chance.mean()),
        chance_low=float(low),
        chance_high=float(high),
        truth=has_truth,
    )


def _write(found: MeasuredPopulation, files: PopulationFiles) -> None:
    found.document.write(files.settings)
    for path, layout, columns in (
        (files.decoding, DECODING, found.decoding),
        (files.redundancy, REDUNDANCY, found.redundancy),
        (files.by_category, BY_CATEGORY, found.by_category),
        (files.sealed, SEALED, found.sealed),
    ):
        write_both(path, layout, columns, simulated=found.document.simulated)


_MIDDLE_95 = (0.025, 0.975)
