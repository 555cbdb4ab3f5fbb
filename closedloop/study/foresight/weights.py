"""The base model of a new study: which file it is, and whether it fits the protocol."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.protocol.images import WITHOUT_FILE, BaseModelChoice
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.errors import CheckpointError, ProtocolError
from closedloop.models.shipped import shipped_names, weights_file
from closedloop.models.weight_headers import read_weight_header, refuse_no_weights
from closedloop.plain_text.suggestions import did_you_mean
from closedloop.storage import resolved


def find_base_model(protocol: Protocol, given: Path | None, *, place: str) -> str:
    """Return the base model as study.json names it, opened once and tried on an image of the protocol's size.

    Parameters
    ----------
    protocol
        Names shipped weights, or none.
    given
        The file that was given instead, or the name of shipped weights.
    place
        The protocol's file.

    Raises
    ------
    CheckpointError
        There is none, or it cannot be used.
    ProtocolError
        It has no such layer.
    """
    named, near = protocol.base_model.weights, Path(place).parent
    _refuse_random_of_ours(protocol, place=place)
    if given is None and named in WITHOUT_FILE:
        _try_all(protocol, named, near=near, place=place)
        return named
    if given is None and named not in shipped_names() and not Path(named).is_file():
        what = f"{protocol.base_model.architecture or 'the base model'}, read out at {protocol.base_model.layer}"
        raise CheckpointError(
            f"--base-model: expected the weight file of {what}, found none given; "
            f"protocol {protocol.name} ships without. Guo et al. 2022 took a ResNet-50 trained adversarially (L2, "
            "epsilon 2), as a checkpoint of the robustness library or a state dict with torchvision's keys. Look at "
            "yours by `closedloop base-model import FILE --out at.safetensors`, then give it by --base-model."
        )
    source = named if given is None else base_model_named(given)
    refuse_no_weights(weights_file(source))
    option = "--base-model" if given else "base_model.weights"
    _refuse_unfit(protocol.base_model, source, place=place, option=option, section="base_model")
    _try_all(protocol, source, near=near, place=place)
    return source


def _try_all(protocol: Protocol, source: str, *, near: Path, place: str) -> None:
    from closedloop.stages.from_protocol.model import try_base_model  # noqa: PLC0415 - torch only once numbers fit

    fitted = protocol.fit.train
    try_base_model(protocol.base_model, source, side_px=protocol.images.side_px, near=near, fitted=fitted)
    for number, member in enumerate(protocol.ensemble, start=1):
        _find_member(protocol, member, f"ensemble member {number}", place=place)
    for one in protocol.arms.models:
        _find_member(protocol, one.base_model, f"arms.models {one.name}", place=place)


def _refuse_random_of_ours(protocol: Protocol, *, place: str) -> None:
    for choice in protocol.networks:
        if choice.source == "own" and choice.weights in WITHOUT_FILE:
            raise ProtocolError(
                f"{place}, weights: expected a shipped name or a file, found {choice.weights}, which networks "
                "from elsewhere alone may have. Name the source, or weights."
            )


def _find_member(protocol: Protocol, member: BaseModelChoice, section: str, *, place: str) -> None:
    from closedloop.stages.from_protocol.model import try_base_model  # noqa: PLC0415 - likewise

    named = member.weights
    known = named in shipped_names() or (named in WITHOUT_FILE and member.source != "own")
    if not known and not (Path(named).is_absolute() and Path(named).is_file()):
        raise CheckpointError(
            f"{place}, {section}: expected weights by a shipped name ({', '.join(shipped_names())}) or the whole path "
            f"of a file, found {named!r:.80}. Correct it, or leave the network out."
        )
    if named not in WITHOUT_FILE:
        refuse_no_weights(weights_file(named))
    _refuse_unfit(member, named, place=place, option=f"{section}, weights", section=section)
    try:
        try_base_model(
            member, named, side_px=protocol.images.side_px, near=Path(place).parent, fitted=protocol.fit.train
        )
    except ProtocolError as error:
        raise ProtocolError(f"{place}, {section}, {named}: {error}") from error


def base_model_named(given: Path) -> str:
    """Return what study.json calls the base model that an option names: shipped weights, or a file."""
    return str(given) if str(given) in shipped_names() and not given.is_file() else str(resolved(given))


def _refuse_unfit(wanted: BaseModelChoice, source: str, *, place: str, option: str, section: str) -> None:
    """Refuse another network than the protocol reads out, as far as a file tells without torch."""
    header = read_weight_header(weights_file(source)) if wanted.source == "own" else None
    if header is None:
        return
    found = header.described.get("architecture")
    if wanted.architecture is not None and found is not None and found != wanted.architecture:
        raise CheckpointError(
            f"{option} {source}: expected weights of {wanted.architecture}, as {section}.architecture in {place} "
            f"says, found {found!s:.40}. Give weights of that architecture, or change {section}.architecture and "
            f"{section}.layer in a copy of the protocol."
        )
    if header.layers and wanted.layer not in header.layers:
        raise ProtocolError(
            f"{place}, {section}.layer: expected one of {', '.join(header.layers)}, as {source} has, found "
            f"{wanted.layer!r:.40}. {did_you_mean(wanted.layer, header.layers)}Correct it."
        )
