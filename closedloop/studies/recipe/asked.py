"""What `closedloop studies recipe` is asked for, and what of it cannot be, told before anything is made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from closedloop.errors import CheckpointError, ProtocolError
from closedloop.models.shipped import shipped_names, weights_file
from closedloop.models.weight_headers import read_weight_header, refuse_no_weights
from closedloop.plain_text.suggestions import did_you_mean
from closedloop.studies.places import check_places
from closedloop.studies.recipe.recipes import RecipeMember, read_recipe


def check_options(recipes: Sequence[str], out: Path, *, workers: str | None) -> None:
    """Refuse what cannot be, without torch.

    Parameters
    ----------
    recipes
        Names or files.
    out
        Folder for the results.
    workers
        As ``--workers`` takes it; None for this machine.

    Raises
    ------
    ProtocolError, CheckpointError
        A recipe is none, or names weights that are none.
    ExecutionError, OptionError
        The workers cannot be had.
    StorageError
        `out` is no place for results.
    """
    for recipe in map(read_recipe, recipes):
        for number, member in enumerate(recipe.members, start=1):
            _check_member(member, place=f"recipe {recipe.name}, member {number}")
    check_places(out, workers=workers)


def _check_member(member: RecipeMember, *, place: str) -> None:
    if member.weights not in shipped_names() and not Path(member.weights).is_file():
        raise CheckpointError(
            f"{place}: expected weights by a shipped name ({', '.join(shipped_names())}) or a file, found "
            f"{member.weights!r:.80}. Correct it."
        )
    file = weights_file(member.weights)
    refuse_no_weights(file)
    header = read_weight_header(file)
    if header is not None and header.layers and member.layer not in header.layers:
        raise ProtocolError(
            f"{place}: expected one of {', '.join(header.layers)} as the layer of {member.weights}, found "
            f"{member.layer!r:.40}. {did_you_mean(member.layer, header.layers)}Correct it."
        )
