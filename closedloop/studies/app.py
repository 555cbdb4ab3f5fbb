"""`closedloop studies ...`: every folder beside this file that has a command. A new study touches no other room."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.util import find_spec

import typer

import closedloop.studies

_COMMAND = (
    "command"  # a study's module that holds its Typer `app`; it imports nothing heavy, for `--help` asks all of them
)


def studies_app() -> typer.Typer:
    """Return the commands of all studies, sorted by the names of their folders.

    Returns
    -------
    typer.Typer
        The commands of each ``closedloop/studies/NAME/command.py``, from its ``app``.
    """
    studies = typer.Typer(
        help="Self-contained studies outside the closed loop.", no_args_is_help=True, rich_markup_mode=None
    )
    for name in command_modules():
        studies.add_typer(importlib.import_module(name).app)
    return studies


def command_modules() -> list[str]:
    """Return the full names of the command modules of all studies, sorted."""
    packages = pkgutil.iter_modules(closedloop.studies.__path__, prefix=f"{closedloop.studies.__name__}.")
    names = sorted(f"{package.name}.{_COMMAND}" for package in packages if package.ispkg)
    return [name for name in names if find_spec(name) is not None]
