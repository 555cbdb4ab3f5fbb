"""A base model, whatever its source, put to all checks; and the layers at which it could be cut."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from closedloop.errors import CheckpointError
from closedloop.models.backbones import AFTER_STEM, build_classifier, layer_names
from closedloop.models.inspection.checks import (
    NetworkCheck,
    check_batches,
    check_frozen,
    check_gradients,
    check_reference,
    check_stated,
)
from closedloop.models.inspection.reference import ReferenceOutput
from closedloop.models.inspection.survey import SurveyedLayer, survey_layers
from closedloop.models.networks.code import NetworkCode
from closedloop.models.networks.description import NetworkDescription
from closedloop.models.networks.opening import build_described
from closedloop.models.networks.trunk import CutNetwork
from closedloop.models.networks.zoo import stated_normalisation
from closedloop.models.site_model import (
    BaseModel,
    SiteModel,
    build_site_model,
    features_of,
    freeze_for_attack,
    images_to_tensor,
)

_N_SITES = 3
_STEM = "stem"


def inspect_base_model(
    base: BaseModel, images: NDArray[np.uint8], *, reference: ReferenceOutput | None
) -> list[NetworkCheck]:
    """Run all checks on a base model.

    Parameters
    ----------
    base
        Opened and cut; prepared for attacks afterwards.
    images
        At least 8 of the side that the monkey sees, uint8 (n, side, side, 3).
    reference
        Reference output, where there is some.

    Raises
    ------
    CheckpointError
        The network does not take the images, or its features lie otherwise than stated.
    """
    model, pixels = _site_model(base, side_px=images.shape[1]), images_to_tensor(images, device=torch.device("cpu"))
    checks = [_check_layer(base, side_px=images.shape[1]), _described_features(base, model, images)]
    checks.append(_check_preprocessing(base))
    checks += [check_gradients(model.features, pixels), check_batches(model.features, pixels)]
    if reference is not None:
        same_side = reference.images.shape[1] == images.shape[1]
        of_reference = model if same_side else _site_model(base, side_px=reference.images.shape[1])
        checks.append(check_reference(features_of(of_reference, reference.images).numpy(), reference))
    return [*checks, check_frozen(model, freeze_for_attack, pixels)]


def make_reference(base: BaseModel, images: NDArray[np.uint8]) -> ReferenceOutput:
    """Return what a base model makes of images, uint8 (n, side, side, 3), as it is stated now."""
    return ReferenceOutput(images, features_of(_site_model(base, side_px=images.shape[1]), images).contiguous().numpy())


def layers_of_described(
    network: NetworkDescription, *, code: NetworkCode | None, side_px: int
) -> tuple[SurveyedLayer, ...]:
    """List the modules at which a network from elsewhere can be cut.

    Parameters
    ----------
    network
        What it is.
    code
        Its file, where it is code.
    side_px
        Side of the images that the monkey sees.

    Raises
    ------
    CheckpointError, ProtocolError
        It cannot be built, or takes no such images.
    """
    return survey_layers(build_described(network, code=code), side_px=network.preprocessing.side_px or side_px)


def layers_of_ours(architecture: str, *, side_px: int) -> tuple[SurveyedLayer, ...]:
    """List the layers at which one of our architectures can be cut.

    Parameters
    ----------
    architecture
        A row of ``models.backbones.ARCHITECTURES``.
    side_px
        Side of the images that the monkey sees.
    """
    classifier = build_classifier(architecture).eval()
    children = [name for name, _ in classifier.named_children()]
    names = {name: name for name in layer_names(classifier)} | {children[children.index(AFTER_STEM) - 1]: _STEM}
    seen = {layer.name: layer for layer in survey_layers(classifier, side_px=side_px)}
    return tuple(
        SurveyedLayer(names[name], one.kind, one.shape, one.n_calls, one.cost_share)
        for name, one in seen.items()
        if name in names
    )


def _site_model(base: BaseModel, *, side_px: int) -> SiteModel:
    try:
        return build_site_model(base, n_sites=_N_SITES, side_px=side_px, seed=0)
    except (RuntimeError, ValueError, AssertionError) as error:
        said = " ".join(str(error).split())
        raise CheckpointError(
            f"base model: expected a network that takes images of {side_px} px, found one that does not ({said:.160}). "
            "State base_model.preprocessing.side_px, or its options."
        ) from error


def _check_layer(base: BaseModel, *, side_px: int) -> NetworkCheck:
    if base.network is None:
        return NetworkCheck("layer", "PASS", f"{base.architecture}, cut at {base.layer}")
    layers = layers_of_described(base.network, code=base.code, side_px=side_px)
    found = next((one for one in layers if one.name == base.layer), None)
    if found is None or found.n_calls != 1:
        n_calls = 0 if found is None else found.n_calls
        fix = "`closedloop base-model layers` lists those that are passed once"
        return NetworkCheck("layer", "FAIL", f"{base.layer} is passed {n_calls} times by an image", fix)
    cost = "" if np.isnan(found.cost_share) else f", {100 * found.cost_share:.0f} % of the network's multiplications"
    return NetworkCheck("layer", "PASS", f"{base.architecture}, cut at {base.layer} ({found.kind}){cost}")


def _described_features(base: BaseModel, model: SiteModel, images: NDArray[np.uint8]) -> NetworkCheck:
    features = features_of(model, images[:2])
    shape = " x ".join(map(str, features.shape[1:]))
    if not bool(torch.isfinite(features).all()):
        return NetworkCheck("features", "FAIL", f"{shape}, not finite", "use other weights, or another layer")
    layout = "" if base.network is None else f", from {base.network.layout.kind}"
    return NetworkCheck("features", "PASS", f"{shape} (channels, height, width){layout}, read {base.readout}")


def _check_preprocessing(base: BaseModel) -> NetworkCheck:
    whole: nn.Module = base.trunk.network if isinstance(base.trunk, CutNetwork) else base.trunk
    stated = None if base.network is None else (base.network.preprocessing.mean, base.network.preprocessing.std)
    return check_stated(stated, stated_normalisation(whole))
