"""The base model of a new study: which file it is, and whether it fits the protocol."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.errors import CheckpointError
from closedloop.models.shipped import shipped_names


def find_base_model(protocol: Protocol, given: Path | None) -> str:
    """Return the base model as study.json names it, opened once and tried on an image of the protocol's size.

    Parameters
    ----------
    protocol
        Names shipped weights, or none.
    given
        The file that was given instead.

    Raises
    ------
    CheckpointError
        There is none, or it cannot be used.
    ProtocolError
        It has no such layer.
    """
    named = protocol.base_model.weights
    if given is None and named not in shipped_names() and not Path(named).is_file():
        what = f"{protocol.base_model.architecture or 'the base model'}, read out at {protocol.base_model.layer}"
        raise CheckpointError(
            f"--base-model: expected the weight file of {what}, found none given; "
            f"protocol {protocol.name} ships without. Guo et al. 2022 took a ResNet-50 trained adversarially (L2, "
            "epsilon 2), as a checkpoint of the robustness library or a state dict with torchvision's keys. Look at "
            "yours by `closedloop base-model import FILE --out at.safetensors`, then give it by --base-model."
        )
    source = str(given.resolve()) if given else named
    from closedloop.stages.from_protocol.model import try_base_model  # noqa: PLC0415 - torch only once numbers fit

    try_base_model(protocol.base_model, source, side_px=protocol.images.side_px)
    return source
