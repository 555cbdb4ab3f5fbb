"""`closedloop discrimination prepare`: an experiment's folder, from a study, a folder of pairs, or a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from closedloop.artifacts.discrimination.experiment import DiscriminationTask, OpenExperiment
from closedloop.artifacts.documents import validate
from closedloop.attacks.engine.devices import own_workers
from closedloop.attacks.epsilons import parse_epsilons
from closedloop.errors import OptionError
from closedloop.execution.progress import bar
from closedloop.execution.workers import parse_workers
from closedloop.plain_text.printed import command_line
from closedloop.storage import remove_folder
from closedloop.studies.discrimination.preparation.design import SessionPlan
from closedloop.studies.discrimination.preparation.folder import (
    LaboratoryFiles,
    check_folder,
    prepare_experiment,
)
from closedloop.studies.discrimination.preparation.sources import PairSource, check_source, find_pairs
from closedloop.studies.networks import n_units_of, parse_network


@dataclass(frozen=True)
class PrepareRequest:
    """The options as given on the command line."""

    experiment: Path
    study: Path | None
    day: int | None
    images: Path | None
    network: str
    epsilons: tuple[str, ...]
    clean_images: int
    sessions: int
    images_a_session: int
    catch_every: int
    consent: Path | None
    rules: Path | None
    keys: str
    image_ms: float
    gap_ms: float
    answer_s: float
    seed: int
    workers: str | None


def refuse_idle_options(searched: Mapping[str, object], *, study: Path | None, images: Path | None) -> None:
    """Refuse options on how a network is attacked where images are those of a study or of a folder.

    Parameters
    ----------
    searched
        These options, None where they were left out.
    study, images
        Where images are from; None: neither.

    Raises
    ------
    OptionError
        There is one that would do nothing.
    """
    given = [name for name, value in searched.items() if value is not None]
    source = "--study" if study is not None else "--images" if images is not None else ""
    if source and given:
        raise OptionError(
            f"{given[0]}: expected it where a network is attacked, found {source}, whose images are shown as they are. "
            "Leave one of the two out."
        )


def prepare_folder(request: PrepareRequest) -> Iterator[str]:
    """Make the folder, and yield what to tell the user.

    Raises
    ------
    ClosedLoopError
        The images, the laboratory's files or the folder cannot be used.
    """
    task = _task(request)
    network = parse_network(request.network, architecture=None)
    epsilons = parse_epsilons(request.epsilons)
    source = PairSource(
        request.study, request.day, request.images, network, epsilons, request.clean_images, request.seed
    )
    check_source(source)
    if request.study is None and request.images is None:
        n_units_of(network)
    brought = LaboratoryFiles(request.consent, request.rules)
    check_folder(request.experiment, brought)
    workers = own_workers() if request.workers is None else parse_workers(request.workers)
    pieces = request.experiment.with_name(f".{request.experiment.name}.attacks")
    with bar("images") as progress:
        stimuli = find_pairs(source, pieces, workers=workers, progress=progress)
    made = prepare_experiment(
        request.experiment,
        stimuli,
        SessionPlan(request.sessions, request.images_a_session, request.catch_every, request.seed),
        task=task,
        brought=brought,
        simulated=False,
    )
    remove_folder(pieces)  # kept until now, for a kill on the way
    yield from _told(made)


def _task(request: PrepareRequest) -> DiscriminationTask:
    same, comma, different = request.keys.partition(",")
    if not comma:
        raise OptionError(f"--keys {request.keys}: expected two keys set apart by a comma, such as f,j. Correct it.")
    given = {"image_ms": request.image_ms, "gap_ms": request.gap_ms, "answer_s": request.answer_s}
    plain = given | {"same_key": same, "different_key": different}
    return validate(DiscriminationTask, plain, place="--keys", error=OptionError)


def _told(made: OpenExperiment) -> Iterator[str]:
    document, root = made.document, made.paths.root
    n_trials = int((made.trials["session"] == 1).sum())
    epsilons = ", ".join(f"{one:g}" for one in sorted({pair.epsilon for pair in document.pairs}))
    n_pairs = 4 * document.pairs_a_session
    taken_in = command_line("closedloop", "discrimination", "import", str(root))
    in_a_window = command_line("rig", "discriminate", str(root), "--subject", "S01", "--session", "1")
    yield f"{len(document.pairs)} perturbed images at epsilon {epsilons}: {document.source}"
    yield f"{document.n_sessions} sessions of {n_trials} trials, {n_pairs} without the catch trials"
    yield f"People here: {command_line('closedloop', 'discrimination', 'serve', str(root))}"
    yield f"From the folder: open {made.paths.page / 'index.html'}, then {taken_in} FILE"
    yield f"In a PsychoPy window: {in_a_window}"
