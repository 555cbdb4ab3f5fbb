"""What `closedloop studies response-geometry` is asked for, and what of it cannot be, told before anything is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.errors import ProtocolError
from closedloop.studies.networks import n_units_of, parse_networks
from closedloop.studies.places import check_places, study_command

SHIPPED_NETWORKS = ("small_resnet_vanilla", "small_resnet_robust")


@dataclass(frozen=True)
class GeometryOptions:
    """The options as given on the command line.

    Attributes
    ----------
    study
        Folder of a study; None: a simulated one is made, unless networks were named.
    networks
        Named ones; empty: the shipped two, where no study was given.
    architecture
        Of third-party weight files; None to have it recognised.
    n_units, images_per_unit, n_clean
        See `settings.GeometrySettings`.
    n_simulated_sites
        Sites on which the planes' intervals are tried.
    truth
        Whether a simulated study's hidden truth is set beside what was found.
    seed
        Of images, units, starts and simulated sites.
    """

    study: Path | None
    networks: tuple[str, ...]
    architecture: str | None
    n_units: int
    images_per_unit: int
    n_clean: int
    n_simulated_sites: int
    truth: bool
    seed: int

    @property
    def makes_study(self) -> bool:
        """Whether a simulated study is made for it."""
        return self.study is None and not self.networks

    @property
    def looked_at(self) -> tuple[str, ...]:
        """Networks, as named or by default."""
        return self.networks or (SHIPPED_NETWORKS if self.study is None else ())

    def command(self) -> str:
        """Return the command line that asks for the same."""
        parts = list[str]()
        parts += [] if self.study is None else ["--study", str(self.study)]
        parts += [part for network in self.networks for part in ("--network", network)]
        parts += [] if self.architecture is None else ["--architecture", self.architecture]
        parts += ["--units", str(self.n_units), "--images-per-unit", str(self.images_per_unit)]
        parts += ["--clean-images", str(self.n_clean), "--simulated-sites", str(self.n_simulated_sites)]
        return study_command("response-geometry", *parts, "--seed", str(self.seed), *["--truth"] * self.truth)


def check_options(options: GeometryOptions, out: Path, *, workers: str | None) -> None:
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
    OptionError, CheckpointError, ProtocolError
        A network is none, or has no such layer or fewer units.
    StudyError
        The folder is no study.
    ExecutionError, StorageError
        The workers cannot be had, or `out` is no place for results.
    """
    networks = parse_networks(options.looked_at, architecture=options.architecture)
    for network in networks:
        n_units = n_units_of(network)
        if n_units is not None and options.n_units > n_units:
            raise ProtocolError(
                f"--units: expected at most {n_units:,}, as {network.name} has, found {options.n_units:,}. Correct it."
            )
    check_places(out, workers=workers, study=options.study)
