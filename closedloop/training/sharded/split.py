"""Which part of a site model is fitted: everything, the readout alone, or everything from a layer on.

What comes before the fitted part is frozen: an image's features there are the same in every epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from closedloop.errors import ProtocolError
from closedloop.models.networks.trunk import CutNetwork
from closedloop.models.site_model import SiteModel

ALL, READOUT, FROM = "all", "readout", "from "

_CHUNK = 8  # images that go through the frozen part at once, always: no kernel is chosen by who comes beside whom


@dataclass(frozen=True)
class SplitModel:
    """A site model, cut in two.

    Attributes
    ----------
    model
        The whole of it.
    frozen
        From images in [0, 1], (n, 3, side, side), to what the fitted part takes; None: all is fitted.
    fitted
        From there to predicted responses, (n, n_sites).
    """

    model: SiteModel
    frozen: Callable[[Tensor], Tensor] | None
    fitted: Callable[[Tensor], Tensor]


def split_model(model: SiteModel, part: str) -> SplitModel:
    """Cut a model where its fitted part begins, and freeze what comes before, in place.

    Parameters
    ----------
    model
        In evaluation mode; all of its weights have a gradient.
    part
        "all", "readout", or "from LAYER".

    Raises
    ------
    ProtocolError
        It has no such layer, or is a network from elsewhere, of which nobody knows what comes before a layer.
    """
    if part == ALL:
        return SplitModel(model, None, model)
    if part == READOUT:
        model.trunk.requires_grad_(False)
        return SplitModel(model, model.features, model.read_out)
    steps = dict(_steps(model.trunk))
    layer = part.removeprefix(FROM)
    own = [name for name in steps if name == layer or name.startswith(f"{layer}.")]
    if isinstance(model.trunk, CutNetwork) or not own:
        known = ", ".join(() if isinstance(model.trunk, CutNetwork) else steps)
        layers = f"from and one of {known}" if known else "nothing else of a network from elsewhere"
        raise ProtocolError(f"fit.train: expected all, readout or {layers}, found {part!r:.80}. Correct it.")
    first = list(steps).index(own[0])
    before, after = list(steps.values())[:first], list(steps.values())[first:]
    for module in before:
        module.requires_grad_(False)
    stem, rest = nn.Sequential(*before), nn.Sequential(*after)
    return SplitModel(
        model, lambda images: stem(model.normalisation(images)), lambda features: model.respond(rest(features))
    )


@torch.no_grad()
def frozen_features(split: SplitModel, images: Tensor) -> Tensor:
    """Features that the fitted part takes, in float32: of an image the same whichever images are beside it.

    Parameters
    ----------
    split
        Whose.
    images
        In [0, 1], (n, 3, side, side).
    """
    if split.frozen is None:
        return images
    found = []
    for chunk in torch.split(images, _CHUNK):
        filled = torch.cat([chunk, chunk.new_zeros(_CHUNK - len(chunk), *chunk.shape[1:])])
        features = split.frozen(filled.contiguous(memory_format=torch.channels_last))
        found.append(features[: len(chunk)].float())
    return torch.cat(found)


def _steps(trunk: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules that a network of ours goes through, one after the other; stages block by block."""
    for name, child in trunk.named_children():
        if isinstance(child, nn.Sequential):
            yield from ((f"{name}.{block}", module) for block, module in child.named_children())
        else:
            yield name, child
