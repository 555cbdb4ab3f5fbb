"""An experiment's folder, whole or not at all: what is shown, in which order, and the page that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from closedloop import __version__
from closedloop.artifacts.discrimination.experiment import (
    DISCRIMINATION_TRIALS,
    DiscriminationExperiment,
    DiscriminationTask,
    ExperimentPaths,
    OpenExperiment,
    experiment_id,
    open_experiment,
)
from closedloop.artifacts.discrimination.rules import read_rules
from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.tables import Columns, write_table
from closedloop.errors import ClosedLoopError, StudyError
from closedloop.plain_text.limits import MOST_YAML_BYTES, decode, read_limited
from closedloop.storage import (
    copy_file,
    make_folder,
    publish_folder,
    remove_folder,
    sha256_bytes,
    write_bytes,
)
from closedloop.storage.arrays import save_array
from closedloop.studies.discrimination.preparation.design import SessionPlan, design_trials
from closedloop.studies.discrimination.preparation.page_files import write_page
from closedloop.studies.discrimination.preparation.stimuli import StimulusPairs

_NO_ID: Final = "0" * 16


@dataclass(frozen=True)
class LaboratoryFiles:
    """What a laboratory brings: its text of consent and its rules of what is left out; None: neither."""

    consent: Path | None = None
    rules: Path | None = None


def prepare_experiment(
    root: Path,
    stimuli: StimulusPairs,
    plan: SessionPlan,
    *,
    task: DiscriminationTask,
    brought: LaboratoryFiles,
    simulated: bool,
) -> OpenExperiment:
    """Write an experiment's folder; where the same one is there already, it stays as it is.

    Parameters
    ----------
    root
        The folder.
    stimuli
        Perturbed images and clean ones.
    plan
        How many sessions, of how many of them.
    task
        One trial.
    brought
        The laboratory's own files.
    simulated
        Whether no person will be asked.

    Raises
    ------
    ImageError
        There are too few images for a session.
    StudyError
        Another experiment is there.
    DocumentError
        The laboratory's files cannot be read.
    """
    check_folder(root, brought)
    trials = design_trials(stimuli.pairs, plan)
    consent = _consent_of(brought)
    document = _document_of(stimuli, plan, trials, task=task, consent=consent, simulated=simulated)
    if (root / "experiment.json").exists():
        return _same_experiment(root, document, brought)
    working = root.with_name(f".{root.name}.partial")
    remove_folder(working)
    try:
        _write(ExperimentPaths(working), stimuli, document, trials, consent)
        if brought.rules is not None:
            copy_file(brought.rules, ExperimentPaths(working).rules)
        publish_folder(working, root)
    except (ClosedLoopError, OSError):  # of a full disk nothing more is taken
        remove_folder(working)
        raise
    return open_experiment(root)


def check_folder(root: Path, brought: LaboratoryFiles) -> None:
    """Refuse, before anything is computed, a folder that holds something else, and files that cannot be read.

    Parameters
    ----------
    root
        The folder.
    brought
        The laboratory's own files.

    Raises
    ------
    StudyError
        The folder holds something and is no experiment, or the text that people agree to is none.
    DocumentError
        The experiment in it is damaged, or the laboratory's files cannot be read.
    """
    if (root / "experiment.json").exists():
        open_experiment(root)
    elif root.is_file() or (root.is_dir() and any(root.iterdir())):
        raise StudyError(
            f"{root}: expected a new folder, an empty one, or an experiment's, found other files and no "
            "experiment.json. Nothing was touched: choose another folder."
        )
    _consent_of(brought)
    if brought.rules is not None:
        read_rules(brought.rules)


def _same_experiment(root: Path, document: DiscriminationExperiment, brought: LaboratoryFiles) -> OpenExperiment:
    found = open_experiment(root)
    if found.document.experiment_id != document.experiment_id:
        raise StudyError(
            f"{root}: expected a new folder or this very experiment, found another one. Nobody's answers are mixed: "
            "choose another folder."
        )
    stored = read_rules(found.paths.rules) if found.paths.rules.is_file() else None
    if brought.rules is not None and read_rules(brought.rules) != stored:
        raise StudyError(
            f"{brought.rules}: expected the rules that {root} was prepared with, found others. Give them to the "
            "analysis: closedloop studies discrimination --rules."
        )
    return found


def _consent_of(brought: LaboratoryFiles) -> str | None:
    if brought.consent is None:
        return None
    missing = "expected the text that people agree to, found no file. Correct the path."
    content = read_limited(brought.consent, most_bytes=MOST_YAML_BYTES, missing=missing)
    text = decode(content, what="text", place=str(brought.consent), error=StudyError, remedy="Save it as UTF-8.")
    if not text.strip():
        raise StudyError(f"{brought.consent}: expected the text that people agree to, found it blank. Write it.")
    return text


def _document_of(
    stimuli: StimulusPairs,
    plan: SessionPlan,
    trials: Columns,
    *,
    task: DiscriminationTask,
    consent: str | None,
    simulated: bool,
) -> DiscriminationExperiment:
    document = DiscriminationExperiment(
        simulated=simulated,
        experiment_id=_NO_ID,
        code_version=__version__,
        source=stimuli.source,
        image_side_px=stimuli.images.shape[1],
        n_sessions=plan.n_sessions,
        pairs_a_session=plan.pairs_a_session,
        catch_every=plan.catch_every,
        seed=plan.seed,
        task=task,
        pairs=stimuli.pairs,
        stimulus_ids=tuple(stimulus_id(image) for image in stimuli.images),
        consent_sha256=None if consent is None else sha256_bytes(consent.encode()),
    )
    return document.model_copy(update={"experiment_id": experiment_id(document, trials)})


def _write(
    paths: ExperimentPaths,
    stimuli: StimulusPairs,
    document: DiscriminationExperiment,
    trials: Columns,
    consent: str | None,
) -> None:
    make_folder(paths.root)
    document.write(paths.document)
    write_table(paths.trials, DISCRIMINATION_TRIALS, trials, simulated=document.simulated)
    save_array(paths.images, stimuli.images)
    if consent is not None:
        write_bytes(paths.consent, consent.encode())
    make_folder(paths.journals)
    write_page(paths.page, document, stimuli.images, trials, consent)
