"""The options of `closedloop studies unit-sensitivity` and what they mean."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from closedloop.attacks.epsilons import parse_epsilons
from closedloop.studies.networks import parse_networks
from closedloop.studies.places import study_command
from closedloop.studies.unit_sensitivity.asked import PROCEDURAL, UnitSensitivityOptions
from closedloop.studies.unit_sensitivity.settings import PAPER, QUICK, UnitStudy


def resolve(options: UnitSensitivityOptions) -> UnitStudy:
    """Return the study that the options ask for.

    Raises
    ------
    OptionError
        A network or a number is not valid.
    """
    search = PAPER if options.paper else QUICK
    search = replace(search, restarts=options.restarts or search.restarts, steps=options.steps or search.steps)
    return UnitStudy(
        networks=parse_networks(options.networks, architecture=options.architecture),
        images=None if options.images == PROCEDURAL else Path(options.images),
        epsilons=parse_epsilons(options.epsilons),
        n_units=options.n_units,
        images_per_unit=options.images_per_unit,
        n_clean=options.n_clean,
        search=search,
        warm_start=not options.paper,
        seed=options.seed,
    )


def unit_sensitivity_command(options: UnitSensitivityOptions) -> str:
    """Return the command line that asks for the same."""
    given = {
        "--architecture": options.architecture,
        "--images": options.images,
        "--epsilon": ",".join(options.epsilons),
        "--units": options.n_units,
        "--images-per-unit": options.images_per_unit,
        "--clean-images": options.n_clean,
        "--restarts": options.restarts,
        "--steps": options.steps,
        "--seed": options.seed,
    }
    parts = list[str]()
    parts += [part for network in options.networks for part in ("--network", network)]
    parts += [part for option, value in given.items() if value is not None for part in (option, str(value))]
    return study_command("unit-sensitivity", *parts, *["--paper"] * options.paper)
