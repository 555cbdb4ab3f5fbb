"""Writing a model so that it opens elsewhere: what each member is, its weights, and what it makes of some images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from closedloop.errors import CheckpointError
from closedloop.models.ensemble import DayModel, SiteEnsemble
from closedloop.models.exchange import load
from closedloop.models.exchange.structure import describe_structure
from closedloop.models.networks.code import is_file_of_code, kept_code, kept_name
from closedloop.models.networks.description import FeatureLayout, NetworkDescription
from closedloop.models.networks.trunk import CutNetwork
from closedloop.models.site_model import SiteModel, predict
from closedloop.models.weight_files import write_weights
from closedloop.storage import read_bytes, remove_file, write_bytes

LOADER, PROGRAM, CODE = "load.py", "model.pt2", "code"
_OF_TRUNK, _OF_NETWORK = "trunk.", "network."
_BATCH = 20


def members_of(model: DayModel, which: int | None) -> tuple[SiteModel, ...]:
    """Return the members of a model that are asked for; all of them, or the model itself, for None."""
    all_of_them = model.members if isinstance(model, SiteEnsemble) else (model,)
    return all_of_them if which is None else (all_of_them[which],)


def write_members(folder: Path, members: tuple[SiteModel, ...], *, near: Path) -> list[dict[str, Any]]:
    """Write the weights of each member, and the code of those that are code; return what describes them.

    Parameters
    ----------
    folder
        To write into.
    members
        As they were opened: not prepared for attacks.
    near
        The model's file, by which code is found.

    Raises
    ------
    CheckpointError
        The code is gone, or another.
    """
    described = []
    for number, member in enumerate(members):
        name = f"member-{number}.safetensors"
        spec = member.spec
        plain = {"kind": "exported_member", "architecture": spec.architecture, "layer": spec.layer}
        write_weights(folder / name, _weights(member), metadata=plain)
        described.append({**_described(member), "weights": name})
        if spec.network is not None and spec.network.source == "module":
            code = kept_code(spec.network.name, sha256=spec.network.code_sha256 or "", near=near)
            write_bytes(folder / _code_name(spec.network), read_bytes(code.path))
    return described


def write_loader(folder: Path) -> None:
    """Put the loader, which needs nothing of ours, into an export."""
    write_bytes(folder / LOADER, read_bytes(Path(load.__file__)))


def write_reference_predictions(
    folder: Path, members: tuple[SiteModel, ...], images: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Write images, uint8 (n, side, side, 3), and what each member and all together make of them.

    Parameters
    ----------
    folder
        To write into.
    members
        Of the model.
    images
        Of the side that it takes.

    Returns
    -------
    ndarray
        Predictions of the whole, (n, n_sites), z-scored.
    """
    of_members = torch.stack([torch.from_numpy(predict(one, images, batch_size=_BATCH)) for one in members])
    tensors = {
        "images": torch.from_numpy(images),
        "predictions": of_members.mean(dim=0),
        "predictions_of_members": of_members,
    }
    write_weights(folder / load.REFERENCE, tensors, metadata={"kind": "reference_predictions"})
    return np.asarray(tensors["predictions"].numpy())


def write_program(folder: Path, described: Mapping[str, Any], *, side_px: int) -> None:
    """Write the model as a program of `torch.export`, weights included; any number of images.

    Parameters
    ----------
    folder
        Holds the export, which is opened as it will be elsewhere.
    described
        Its description.
    side_px
        Side of the images.

    Raises
    ------
    CheckpointError
        torch cannot export the network.
    """
    model = load.build_model(described, folder)
    example = torch.full((2, 3, side_px, side_px), 0.5)
    try:
        with load.passing_through(model):
            program = torch.export.export(
                model, (example,), dynamic_shapes={"images": {0: torch.export.Dim("n", min=1)}}, strict=False
            )
    except Exception as error:
        said = " ".join(str(error).split())
        raise CheckpointError(
            f"--pt2: expected a network that torch.export takes, found one that it does not ({said:.160}). Leave --pt2 "
            "out: weights and description open without it."
        ) from error
    partial = folder / f".{PROGRAM}"
    torch.export.save(program, partial.with_suffix(".pt2"))
    write_bytes(folder / PROGRAM, read_bytes(partial.with_suffix(".pt2")))
    remove_file(partial.with_suffix(".pt2"))


def _weights(member: SiteModel) -> dict[str, Tensor]:
    """Return network and readout by the network's own keys: torchvision's, of ours and of theirs."""
    state = member.state_dict()
    of_trunk = f"{_OF_TRUNK}{_OF_NETWORK}" if isinstance(member.trunk, CutNetwork) else _OF_TRUNK
    return {
        f"{_OF_NETWORK}{key.removeprefix(of_trunk)}" if key.startswith(of_trunk) else key: value
        for key, value in state.items()
    }


def _described(member: SiteModel) -> dict[str, Any]:
    spec = member.spec
    normalisation, network = member.normalisation, spec.network
    pixels = {
        "mean": [float(one) for one in normalisation.mean.flatten().tolist()],
        "std": [float(one) for one in normalisation.std.flatten().tolist()],
        "colours": "rgb" if normalisation.colours == (0, 1, 2) else "bgr",
        "side_px": None if network is None else network.preprocessing.side_px,
    }
    layout = FeatureLayout("nchw") if network is None else network.layout
    return {
        "architecture": spec.architecture,
        "layer": spec.layer,
        "readout": spec.readout,
        "preprocessing": pixels,
        "layout": {**asdict(layout), "grid": list(layout.grid) if layout.grid else None},
        "network": _plain_network(member.trunk, spec.architecture, network),
    }


def _plain_network(trunk: nn.Module, architecture: str, network: NetworkDescription | None) -> dict[str, Any]:
    if network is None:
        return {"source": "own", "name": architecture, "options": {}, "structure": describe_structure(trunk)}
    options = {name: list(value) if isinstance(value, tuple) else value for name, value in network.options}
    code = _code_name(network) if network.source == "module" else None
    return {"source": network.source, "name": _plain_name(network), "options": options, "code": code}


def _plain_name(network: NetworkDescription) -> str:
    """Return a name without the folder of a file."""
    return Path(network.name).name if is_file_of_code(network.name) else network.name


def _code_name(network: NetworkDescription) -> str:
    return f"{CODE}/{kept_name(network.name)}"
