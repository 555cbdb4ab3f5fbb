"""`closedloop discrimination import`: journals that came as files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from closedloop.artifacts.discrimination.experiment import OpenExperiment, open_experiment
from closedloop.artifacts.discrimination.journal import IN_A_FILE, check_belongs, check_subject, read_answers
from closedloop.artifacts.discrimination.stored import add_rows
from closedloop.errors import DocumentError


def take_in(folder: Path, files: Sequence[Path]) -> Iterator[str]:
    """Take in journals, and yield a line for each; what is there already counts once.

    Parameters
    ----------
    folder
        Of the experiment.
    files
        Journals, as the page saved them.

    Raises
    ------
    DocumentError
        A file is no journal of this experiment, or differs from what is there.
    """
    experiment = open_experiment(folder)
    for file in files:
        yield _take_one(experiment, file)


def _take_one(experiment: OpenExperiment, file: Path) -> str:
    given = read_answers(file)
    if not given.launches:
        raise DocumentError(f"{file}: expected the journal of a session, found no line. Save it again on the page.")
    check_belongs(given.rows, experiment, place=str(file))
    first = given.launches[0]
    path = experiment.paths.journal(check_subject(first.subject), first.session)
    stored, merged = add_rows(experiment, path, given.rows, place=str(file), remedy=IN_A_FILE)
    n_trials = len({*(row.trial for row in given.answers)})
    of = len(experiment.session(first.session)["trial"])
    state = "new" if not stored else "nothing new" if merged == stored else f"{len(merged) - len(stored)} lines more"
    return f"{first.subject}, session {first.session}: {n_trials} of {of} trials, {state}"
