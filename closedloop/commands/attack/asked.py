"""What `closedloop attack` is asked for, and what of it cannot be, told without torch and before anything is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from closedloop.artifacts.protocol.attack import Gradient
from closedloop.artifacts.protocol.images import ArchitectureName
from closedloop.commands.attack.names import DOCUMENT_NAME
from closedloop.errors import ImageError, OptionError, ProtocolError, StorageError
from closedloop.execution.found import find_workers
from closedloop.models.shipped import shipped_names, weights_file
from closedloop.models.weight_headers import WeightHeader, read_weight_header, refuse_no_weights
from closedloop.plain_text.suggestions import did_you_mean, one_of
from closedloop.stimuli.decoding import check_decodes, read_image
from closedloop.stimuli.folders import open_folder_pool
from closedloop.storage.places import refuse_no_folder

PENULTIMATE = "avgpool"
"""Where section 3.2 looks at artificial units."""

COMPARING, OTHERS = ("annealed", "strengthened"), ("cosine", "paper31")
"""Names of the searches: those that compare one step with another, and the others."""

DIRECTIONS: Mapping[str, tuple[int, ...]] = {"both": (+1, -1), "up": (+1,), "down": (-1,)}

_SITE_MODELS = ("site_model", "site_ensemble")
_LEAST_SIDE_PX = 8


@dataclass(frozen=True)
class AttackOptions:
    """The options as given on the command line; the command's help explains them."""

    model: str
    images: Sequence[Path]
    out: Path
    outputs: str
    epsilons: Sequence[float]
    search: str
    steps: int
    direction: str
    seed: int
    gradient: Gradient
    workers: str
    layer: str | None
    architecture: str | None
    side_px: int | None


def check_options(options: AttackOptions) -> None:
    """Refuse what cannot be.

    Raises
    ------
    OptionError
        A value is none that the option takes.
    CheckpointError, ProtocolError
        The model is none, or has no such layer or output.
    ExecutionError
        The workers cannot be had.
    ImageError
        There are no such images.
    StorageError
        `out` is there and nothing of this command, or nowhere.
    """
    one_of((*OTHERS, *COMPARING), options.search, option="--search")
    one_of(DIRECTIONS, options.direction, option="--direction")
    if options.architecture is not None:
        one_of(get_args(ArchitectureName), options.architecture, option="--architecture")
    refuse_random(options)
    outputs_in(options.outputs)
    find_workers(options.workers)
    refuse_no_folder(options.out)
    if options.out.exists() and not (options.out / DOCUMENT_NAME).is_file():
        raise StorageError(
            f"{options.out}: expected no folder or one of this command, found another. Choose another --out."
        )
    _check_model(options)
    for place in options.images:
        _check_images(place)


def refuse_random(options: AttackOptions) -> None:
    """Refuse a search that compares one step with another where two gradients at one image differ.

    Raises
    ------
    OptionError
        Both are asked for.
    """
    if options.search in COMPARING and options.gradient.is_random:
        raise OptionError(
            f"--search {options.search}: expected {' or '.join(OTHERS)} with random shift, noise or scale: it compares "
            "one step with another. Name one of them, or leave the random changes out."
        )


def outputs_in(text: str) -> tuple[range, ...] | None:
    """Return the ranges of outputs that a text names, ``0-20,35``; None for ``all``.

    Raises
    ------
    OptionError
        The text is none of these.
    """
    if text == "all":
        return None
    ranges = []
    for part in text.split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        if not _is_number(first) or (dash and not _is_number(last)):
            raise OptionError(f"--outputs {text}: expected all, or numbers and ranges like 0-20,35. Correct it.")
        ranges.append(range(int(first), int(last or first) + 1))
        if not ranges[-1]:
            raise OptionError(f"--outputs {text}: expected ranges that ascend, found {part}. Exchange its ends.")
    return tuple(ranges)


def refuse_other_outputs(text: str, *, n_outputs: int, of: str) -> None:
    """Refuse outputs that a model does not have, whatever their number is.

    Parameters
    ----------
    text
        As for `outputs_in`.
    n_outputs
        That the model has.
    of
        The model, in words.

    Raises
    ------
    ProtocolError
        It lacks one.
    """
    last = max((one.stop - 1 for one in outputs_in(text) or ()), default=0)
    if last >= n_outputs:
        raise ProtocolError(
            f"--outputs {text}: expected some of 0-{n_outputs - 1}, the {n_outputs:,} outputs of {of}. Correct it."
        )


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) <= 18


def _check_model(options: AttackOptions) -> None:
    file = weights_file(options.model)
    refuse_no_weights(file)
    header = read_weight_header(file)
    if header is None:  # torch's own files, and damaged ones: whoever opens them looks
        return
    if header.described.get("kind") in _SITE_MODELS and options.model not in shipped_names():
        if options.layer or options.architecture or options.side_px:
            raise ProtocolError(
                f"{options.model}: --layer, --architecture and --side-px are a base model's. Leave them out."
            )
        members = header.described.get("members")
        first = members[0] if isinstance(members, list) and members else header.described
        n_sites = first.get("n_sites") if isinstance(first, dict) else None
        if isinstance(n_sites, int):
            refuse_other_outputs(options.outputs, n_outputs=n_sites, of=options.model)
        return
    _check_units(options, header)


def _check_units(options: AttackOptions, header: WeightHeader) -> None:
    layer = options.layer or PENULTIMATE
    if header.layers and layer not in header.layers:
        raise ProtocolError(
            f"--layer {layer}: expected one of {', '.join(header.layers)}, as {options.model} has. "
            f"{did_you_mean(layer, header.layers)}Correct it."
        )
    if header.layers:
        of = f"{options.model} at {layer}"
        refuse_other_outputs(options.outputs, n_outputs=header.n_units(layer), of=of)


def _check_images(place: Path) -> None:
    if place.is_dir():
        open_folder_pool(place, _LEAST_SIDE_PX)
        return
    try:
        check_decodes(read_image(place), place, side_px=_LEAST_SIDE_PX)
    except FileNotFoundError:
        raise ImageError(f"{place}: expected an image or a folder of images, found none. Correct the path.") from None
