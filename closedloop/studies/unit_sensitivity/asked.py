"""What `closedloop studies unit-sensitivity` is asked for, and what of it cannot be, told before anything is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.attacks.epsilons import parse_epsilons
from closedloop.errors import ProtocolError
from closedloop.stimuli.folders import open_folder_pool
from closedloop.studies.networks import n_units_of, parse_networks
from closedloop.studies.places import check_places

PROCEDURAL = "procedural"

_ANY_SIDE_PX = 8


@dataclass(frozen=True)
class UnitSensitivityOptions:
    """The options as given on the command line; None where an option was left out."""

    networks: tuple[str, ...]
    architecture: str | None
    images: str
    epsilons: tuple[str, ...]
    n_units: int
    images_per_unit: int
    n_clean: int
    restarts: int | None
    steps: int | None
    paper: bool
    seed: int


def check_options(options: UnitSensitivityOptions, out: Path, *, workers: str | None) -> None:
    """Refuse what cannot be, without torch.

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
    OptionError
        A value is none that the option takes.
    CheckpointError, ProtocolError
        A network is none, or has no such layer or fewer units.
    ExecutionError
        The workers cannot be had.
    ImageError
        There are no such images.
    StorageError
        `out` is no place for results.
    """
    parse_epsilons(options.epsilons)
    networks = parse_networks(options.networks, architecture=options.architecture)
    sizes = {network.name: n_units_of(network) for network in networks}
    known = {name: n for name, n in sizes.items() if n is not None}
    if len(known) == len(sizes) and options.n_units > max(known.values()):
        has = ", ".join(f"{name} has {n:,}" for name, n in known.items())
        raise ProtocolError(
            f"--units: expected at most {max(known.values()):,} ({has}), found {options.n_units:,}. Correct it."
        )
    if options.images != PROCEDURAL:
        open_folder_pool(Path(options.images), _ANY_SIDE_PX)
    check_places(out, workers=workers)
