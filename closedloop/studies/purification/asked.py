"""What `closedloop studies purification` is asked for, and what of it cannot be, told before anything is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.errors import ImageError
from closedloop.studies.places import check_places, study_command


@dataclass(frozen=True)
class PurificationOptions:
    """The options as given on the command line.

    Attributes
    ----------
    data
        Folder of labelled images; None: Fashion-MNIST where Debian's package is installed, else rendered images.
    n_train, n_test
        Images to train on and to attack, at most.
    epochs
        Passes through the images, of every training.
    recalls
        Of an image, when the defence is judged.
    with_sites
        Whether it is asked too if a site in IT would return.
    seed
        Of everything drawn.
    """

    data: Path | None
    n_train: int
    n_test: int
    epochs: int
    recalls: int
    with_sites: bool
    seed: int

    def command(self) -> str:
        """Return the command line that asks for the same."""
        parts = list[str]()
        parts += [] if self.data is None else ["--data", str(self.data)]
        numbers = {"train": self.n_train, "test": self.n_test, "epochs": self.epochs, "recalls": self.recalls}
        parts += [part for name, value in numbers.items() for part in (f"--{name}", str(value))]
        parts += [] if self.with_sites else ["--no-sites"]
        return study_command("purification", *parts, "--seed", str(self.seed))


def check_options(options: PurificationOptions, out: Path, *, workers: str | None) -> None:
    """Refuse what cannot be, without torch.

    Parameters
    ----------
    options
        As given.
    out
        Folder for the results.
    workers
        As ``--workers`` takes it; None for this machine.

    Raises
    ------
    ImageError
        The data are no folder.
    ExecutionError, OptionError
        The workers cannot be had.
    StorageError
        `out` is no place for results.
    """
    if options.data is not None and not options.data.is_dir():
        raise ImageError(f"--data {options.data}: expected a folder, found none. Correct the path.")
    check_places(out, workers=workers)
