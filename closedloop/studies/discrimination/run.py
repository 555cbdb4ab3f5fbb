"""The study from the options to a folder of results, and the lines that sum it up."""

from __future__ import annotations

import math
from pathlib import Path

from closedloop import __version__
from closedloop.artifacts.discrimination.experiment import DiscriminationTask, OpenExperiment, open_experiment
from closedloop.artifacts.tables import Columns
from closedloop.attacks.engine.devices import own_workers
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import Workers, parse_workers
from closedloop.report import drawing
from closedloop.storage import make_folder, remove_file, write_bytes
from closedloop.studies.discrimination.asked import DiscriminationOptions
from closedloop.studies.discrimination.coverage import CheckedDesign, check_intervals
from closedloop.studies.discrimination.documents import (
    ANSWERED_SESSIONS,
    ANSWERS,
    DETECTION,
    INTERVAL_CHECKS,
    PAIR_RATES,
    SUBJECT_RATES,
    DiscriminationStudy,
)
from closedloop.studies.discrimination.figures import psychometric_figure
from closedloop.studies.discrimination.gather import gather_answers, rules_of
from closedloop.studies.discrimination.observers import ObserverLaw
from closedloop.studies.discrimination.page import FoundDiscrimination, discrimination_page, interval_text
from closedloop.studies.discrimination.preparation.design import SessionPlan
from closedloop.studies.discrimination.preparation.folder import LaboratoryFiles, prepare_experiment
from closedloop.studies.discrimination.preparation.sources import find_pairs
from closedloop.studies.discrimination.settings import DiscriminationFiles
from closedloop.studies.discrimination.simulate import simulate_subjects
from closedloop.studies.discrimination.tables import detection_table, pairs_table, subject_curves, subjects_table
from closedloop.studies.files import write_both

_PAIRS_A_SESSION = 25  # section 6.2
_MOST_CHECKED = 50  # subjects and images of a simulated study: of more it takes long, and intervals are no harder


def find_experiment(
    options: DiscriminationOptions, out: Path, *, workers: str | None, progress: ProgressCallback
) -> OpenExperiment:
    """Return the experiment that is analysed; where none was given one is prepared, and simulated observers answer.

    Parameters
    ----------
    options
        What was asked for.
    out
        Folder for the results.
    workers
        Who attacks images, as ``--workers`` takes it; None for this machine.
    progress
        Called with (pieces done, pieces in total) of these attacks.

    Raises
    ------
    ClosedLoopError
        The experiment, or what its images come from, cannot be used.
    """
    if options.experiment is not None:
        return open_experiment(options.experiment)
    files = DiscriminationFiles(out)
    make_folder(out)
    stimuli = find_pairs(options.source, files.shards, workers=_workers(workers), progress=progress)
    experiment = prepare_experiment(
        files.experiment,
        stimuli,
        SessionPlan(
            n_sessions=options.n_subjects * options.sessions_each,
            pairs_a_session=min(_PAIRS_A_SESSION, len(stimuli.pairs)),
            seed=options.seed,
        ),
        task=DiscriminationTask(),
        brought=LaboratoryFiles(),
        simulated=True,
    )
    simulate_subjects(experiment, ObserverLaw(), n_subjects=options.n_subjects, seed=options.seed)
    return experiment


def run_study(
    options: DiscriminationOptions,
    experiment: OpenExperiment,
    out: Path,
    *,
    workers: str | None,
    progress: ProgressCallback,
) -> list[str]:
    """Analyse, write tables, figures and page, and return what to tell the user.

    Parameters
    ----------
    options
        What was asked for.
    experiment
        With its journals.
    out
        Folder for the results; created if missing.
    workers
        Who simulates the studies in which intervals are checked; the result does not depend on it.
    progress
        Called with (pieces done, pieces in total).

    Raises
    ------
    StudyError, DocumentError
        Nobody answered, or a journal or the rules cannot be read.
    ExecutionError, StorageError
        Workers were lost, or the disk is full.
    """
    files = DiscriminationFiles(out)
    make_folder(out)
    found = analyse(options, experiment, files, workers=_workers(workers), progress=progress)
    with drawing.style():
        figure = psychometric_figure(found.detection, found.curves)
    write_bytes(out / "figure.svg", drawing.svg(figure))
    write_bytes(out / "figure.png", drawing.png(figure))
    write_bytes(files.page, discrimination_page(found, command=options.command()))
    return [*summary(found), f"Open {files.page}"]


def analyse(
    options: DiscriminationOptions,
    experiment: OpenExperiment,
    files: DiscriminationFiles,
    *,
    workers: Workers,
    progress: ProgressCallback,
) -> FoundDiscrimination:
    """Write settings and tables, and return what they hold; stopped and called again, it leaves the same bytes.

    Parameters
    ----------
    options
        What was asked for.
    experiment
        With its journals.
    files
        Where results go.
    workers
        Who simulates the studies in which intervals are checked.
    progress
        Called with (pieces done, pieces in total).
    """
    rules = rules_of(experiment, options.rules)
    gathered = gather_answers(experiment, rules)
    law = ObserverLaw() if options.experiment is None else None
    detection = detection_table(experiment, gathered.answers, law=law, seed=options.seed)
    epsilons = tuple(detection["epsilon"][:-1].tolist())
    found = FoundDiscrimination(
        document=DiscriminationStudy(
            simulated=experiment.document.simulated,
            code_version=__version__,
            experiment_id=experiment.document.experiment_id,
            source=experiment.document.source,
            epsilons=epsilons,
            n_pairs=len(experiment.document.pairs),
            n_subjects=len(set(gathered.sessions["subject"].tolist())),
            n_sessions=len(gathered.sessions["subject"]),
            n_checks=options.n_checks,
            rules=rules,
            seed=options.seed,
        ),
        experiment=experiment,
        answers=gathered.answers,
        sessions=gathered.sessions,
        subjects=subjects_table(gathered),
        pairs=pairs_table(experiment, gathered.answers),
        detection=detection,
        coverage=_coverage(options, epsilons, detection, files, workers=workers, progress=progress),
        curves=tuple(subject_curves(gathered.answers)),
        nobodys=gathered.nobodys,
    )
    _write(found, files)
    return found


def _coverage(
    options: DiscriminationOptions,
    epsilons: tuple[float, ...],
    detection: Columns,
    files: DiscriminationFiles,
    *,
    workers: Workers,
    progress: ProgressCallback,
) -> Columns | None:
    """Check the intervals in simulated studies of as many subjects and images; None where none were asked for."""
    n_subjects, n_images = int(detection["n_subjects"][:-1].max()), int(detection["n_pairs"][:-1].max())
    if not options.n_checks or min(n_subjects, n_images) < 2:
        return None
    design = CheckedDesign(
        n_subjects=min(n_subjects, _MOST_CHECKED),
        n_images=min(n_images, _MOST_CHECKED),
        epsilons=epsilons,
        n_studies=options.n_checks,
        seed=options.seed,
    )
    return check_intervals(design, files.shards, workers=workers, progress=progress)


def _write(found: FoundDiscrimination, files: DiscriminationFiles) -> None:
    simulated = found.document.simulated
    found.document.write(files.settings)
    write_both(files.answers, ANSWERS, found.answers, simulated=simulated)
    write_both(files.sessions, ANSWERED_SESSIONS, found.sessions, simulated=simulated)
    write_both(files.subjects, SUBJECT_RATES, found.subjects, simulated=simulated)
    write_both(files.pairs, PAIR_RATES, found.pairs, simulated=simulated)
    write_both(files.detection, DETECTION, found.detection, simulated=simulated)
    if found.coverage is not None:
        write_both(files.coverage, INTERVAL_CHECKS, found.coverage, simulated=True)
    else:  # of an earlier run
        remove_file(files.coverage)
        remove_file(files.coverage.with_suffix(".csv"))


def summary(found: FoundDiscrimination) -> list[str]:
    """Return the study in a few lines."""
    document, own = found.document, found.by_epsilon
    who = "SIMULATED observers" if document.simulated else "people"
    lines = [f"{document.n_subjects} {who}, {document.n_sessions} sessions, {len(found.answers['said']):,} trials"]
    if found.nobodys:
        lines.append(
            f"left_out: expected codes of subjects, found {', '.join(found.nobodys)}, of whom there is no session."
        )
    if not (found.answers["left_out"] == "").any():
        return [*lines, "Nobody is left: the rules leave every trial out; the page says why."]
    lines.append("epsilon  answers  correct [95 % interval]    d' [95 % interval]" + "    truth" * document.simulated)
    for place in range(len(own["epsilon"])):
        correct = interval_text(*(float(own[name][place]) for name in ("correct", "low", "high")))
        d_prime = [float(own[name][place]) for name in ("d_prime", "d_prime_low", "d_prime_high")]
        truth = float(own["true_correct"][place])
        d_prime_words = f"{d_prime[0]:.2f} [{d_prime[1]:.2f}, {d_prime[2]:.2f}]" if math.isfinite(d_prime[1]) else "-"
        lines.append(
            f"{own['epsilon'][place]:7g}  {int(own['n_trials'][place]):7,}  {correct:24}  {d_prime_words}"
            + (f"    {100 * truth:.1f} %, {own['true_d_prime'][place]:.2f}" if math.isfinite(truth) else "")
        )
    lines.append(f"catch trials called different: {interval_text(*found.catch)}")
    off = int(found.sessions["n_off"].sum())
    if off:
        lines.append(
            f"{off:,} trials had an image or the grey up for another time than asked for; drop_off_trials drops."
        )
    left_out = int((found.answers["left_out"] != "").sum())
    return [*lines, f"{left_out:,} trials do not count; the page says why."]


def _workers(given: str | None) -> Workers:
    return own_workers() if given is None else parse_workers(given)
