"""Architectures by name, of torchvision and timm: imported where one is asked for, built without a download."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from torch import nn

from closedloop.errors import CheckpointError, ProtocolError
from closedloop.models.networks.description import OptionValue
from closedloop.plain_text.suggestions import did_you_mean

TORCHVISION, TIMM = "torchvision", "timm"
_REGISTRATIONS = "torchvision._meta_registrations"
_OF_WEIGHTS = ("weights", "pretrained", "checkpoint", "cache", "progress", "features_only")


def zoo_version(library: str) -> str | None:
    """Return the version of an installed library of architectures; None where it is not installed.

    Nothing is imported.
    """
    if find_spec(library) is None:
        return None
    try:
        return version(library)
    except PackageNotFoundError:
        return "of unknown version"


def build_torchvision(name: str, options: Mapping[str, OptionValue]) -> nn.Module:
    """Build one of torchvision's classifiers, by its name, with random weights.

    Parameters
    ----------
    name
        ``resnet18``, ``convnext_tiny``, ...
    options
        Arguments of its builder, by name.

    Raises
    ------
    ModuleNotFoundError
        torchvision is not installed.
    ProtocolError
        It has no such classifier, or an option asks for weights.
    CheckpointError
        It cannot be built with these options.
    """
    models: Any = import_torchvision().models
    _refuse_weights(options)
    known = models.list_models(module=models)
    _refuse_unknown(TORCHVISION, name, known)
    return _built(models.get_model_builder(name), name, {"weights": None, **options})


def build_timm(name: str, options: Mapping[str, OptionValue]) -> nn.Module:
    """Build one of timm's networks, by its name, with random weights.

    Parameters
    ----------
    name
        ``vit_tiny_patch16_224``, ``convnext_atto``, ...; a tag of weights after a dot means nothing here.
    options
        Arguments of the network, by name: ``img_size``, ``num_classes``, ...

    Raises
    ------
    ModuleNotFoundError
        timm or torchvision, which it needs, is not installed.
    ProtocolError
        It has no such network, or an option asks for weights.
    CheckpointError
        It cannot be built with these options.
    """
    import_torchvision()
    import timm  # noqa: PLC0415 - where it is asked for alone

    _refuse_weights(options)
    _refuse_unknown(TIMM, name.partition(".")[0], timm.list_models())
    return _built(timm.create_model, name, {"model_name": name, "pretrained": False, **options})


def import_torchvision() -> Any:
    """Import torchvision, also where its compiled operators are of another build of torch.

    Its wheel from the index is built for CUDA; beside torch for processors its operators are missing, and the
    registration of their shapes fails. Classifiers need neither, so that the registration alone is left out then.
    """
    try:
        import torchvision  # noqa: PLC0415 - where it is asked for alone
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == TORCHVISION]:
            del sys.modules[name]
        sys.modules[_REGISTRATIONS] = ModuleType(_REGISTRATIONS)
        import torchvision  # noqa: PLC0415 - likewise
    return torchvision


def stated_normalisation(network: nn.Module) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return mean and SD that timm states for a network's published weights; None where it states none."""
    stated = getattr(network, "pretrained_cfg", None)
    if not isinstance(stated, dict) or not {"mean", "std"} <= stated.keys():
        return None
    return tuple(map(float, stated["mean"])), tuple(map(float, stated["std"]))


def _built(build: Any, name: str, arguments: Mapping[str, Any]) -> nn.Module:
    try:
        network = build(**arguments)
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise CheckpointError(
            f"base model {name}: expected a network that can be built with its options, found that it cannot "
            f"({said:.160}). Correct base_model.options."
        ) from error
    if not isinstance(network, nn.Module):
        raise CheckpointError(f"base model {name}: expected a network, found {type(network).__name__}. Name another.")
    return network


def _refuse_unknown(library: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise ProtocolError(
            f"base model: expected one of the {len(known):,} architectures of {library} {zoo_version(library)}, found "
            f"{name!r:.80}. {did_you_mean(name, _alike(name, known))}Correct base_model.architecture."
        )


def _alike(name: str, known: Collection[str]) -> list[str]:
    """Return those that begin alike: a name is compared with a few hundred at most."""
    return [one for one in known if one[:3] == name[:3].lower()]


def _refuse_weights(options: Mapping[str, OptionValue]) -> None:
    for name in options:
        if any(word in name for word in _OF_WEIGHTS):
            raise ProtocolError(
                f"base_model.options.{name}: expected an option of the architecture, found one of its weights, which "
                "are never downloaded. Leave it out; name a file under base_model.weights."
            )
