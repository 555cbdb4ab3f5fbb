"""Where a study's results go, who computes them, and the study they are of: refused here where they cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from closedloop.errors import StorageError, StudyError
from closedloop.execution.found import find_workers
from closedloop.plain_text.json_text import parse_json
from closedloop.plain_text.limits import MOST_YAML_BYTES, read_limited
from closedloop.plain_text.printed import command_line
from closedloop.storage import folder_held_alone
from closedloop.storage.places import refuse_no_folder
from closedloop.studies.files import ResultsFolder


def check_places(out: Path, *, workers: str | None, study: Path | None = None) -> None:
    """Refuse what cannot be, without torch and before anything is made.

    Parameters
    ----------
    out
        Folder for the results.
    workers
        As ``--workers`` takes it; None for this machine.
    study
        Folder of a study, where one was given.

    Raises
    ------
    StudyError
        The folder is no study.
    ExecutionError, OptionError
        The workers cannot be had.
    StorageError
        `out` is no place for results.
    """
    if study is not None and not (study / "study.json").is_file():
        raise StudyError(f"--study {study}: expected a study folder, found no study.json. Correct the path.")
    if workers is not None:
        find_workers(workers)
    refuse_no_folder(out)
    if out.exists() and not out.is_dir():
        raise StorageError(f"--out {out}: expected a folder, found a file. Choose another name.")


def study_command(name: str, *words: str | Path) -> str:
    """Return the command line that a page of a study shows, by which it is made again.

    The folder is for whoever makes it again to name: what a page says does not depend on where it lies.

    Parameters
    ----------
    name
        The study's, as a command.
    words
        All options but where the results go.
    """
    return command_line("closedloop", "studies", name, *words, "--out", "FOLDER")


@contextmanager
def alone_in(out: Path, kind: str) -> Iterator[None]:
    """Keep every other command out of the folder for results, and out of what is no such folder of this study.

    Parameters
    ----------
    out
        The folder.
    kind
        Of the document with the study's settings, which says whose results it holds.

    Raises
    ------
    StorageError
        It is a study's or an experiment's folder, holds the results of another kind of study, another command writes
        into it, or it cannot be made.
    """
    for name, what in (("study.json", "a study"), ("experiment.json", "an experiment")):
        if (out / name).exists():
            raise StorageError(f"--out {out}: expected a folder for results, found {what}. Choose another name.")
    settings = ResultsFolder(out).settings
    if settings.is_file():
        found = parse_json(
            read_limited(settings, most_bytes=MOST_YAML_BYTES, missing="expected settings, found none. Restore them."),
            place=str(settings),
        )
        found_kind = found.get("kind") if isinstance(found, dict) else None
        if found_kind != kind:
            raise StorageError(
                f"--out {out}: expected a new folder or results of this study, found those of another "
                f"({found_kind!s:.40}). Nothing was touched: choose another name."
            )
    at_work = "found another command at work. Wait for its end, or choose another name."
    with folder_held_alone(out, refusal=StorageError(f"--out {out}: expected a folder of its own, {at_work}")):
        yield
