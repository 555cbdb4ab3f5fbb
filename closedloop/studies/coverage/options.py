"""The options of `closedloop studies coverage` and what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.errors import OptionError
from closedloop.studies.coverage.settings import CoverageStudy
from closedloop.studies.places import check_places, study_command


@dataclass(frozen=True)
class CoverageOptions:
    """The options as given on the command line."""

    n_experiments: int
    repetitions: str
    n_sites: int
    images_per_site: int
    n_anchors: int
    seed: int


def check_options(options: CoverageOptions, out: Path, *, workers: str | None) -> CoverageStudy:
    """Return the study that the options ask for, and refuse what cannot be, without torch.

    Parameters
    ----------
    options
        What was asked for.
    out
        Folder for the results.
    workers
        As ``--workers`` takes it; None for this machine.

    Raises
    ------
    OptionError, ProtocolError
        A value is none that the option takes, or two do not go together.
    ExecutionError
        The workers cannot be had.
    StorageError
        `out` is no place for results.
    """
    study = CoverageStudy(
        n_experiments=options.n_experiments,
        repetitions=_whole_numbers(options.repetitions),
        n_sites=options.n_sites,
        images_per_site=options.images_per_site,
        n_anchors=options.n_anchors,
        seed=options.seed,
    )
    check_places(out, workers=workers)
    return study


def coverage_command(options: CoverageOptions) -> str:
    """Return the command line that asks for the same."""
    given = {
        "--experiments": options.n_experiments,
        "--repetitions": options.repetitions,
        "--sites": options.n_sites,
        "--images-per-site": options.images_per_site,
        "--anchors": options.n_anchors,
        "--seed": options.seed,
    }
    parts = [part for option, value in given.items() for part in (option, str(value))]
    return study_command("coverage", *parts)


def _whole_numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise OptionError(
            f"--repetitions: expected whole numbers set apart by commas, found {text!r}. Correct it."
        ) from None
