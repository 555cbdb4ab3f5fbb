"""Where a network from elsewhere can be cut: its modules as one image passes them, with shapes and cost."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from closedloop.errors import CheckpointError


@dataclass(frozen=True)
class SurveyedLayer:
    """A module of a network, when an image had passed it.

    Attributes
    ----------
    name
        As the network names it.
    kind
        Its class.
    shape
        Of what it gave, without the axis of images; None where that is no single array.
    n_calls
        How often one image passes it; a network is cut at a module that is passed once.
    cost_share
        Multiplications up to its end, over those of the whole network, from 0 to 1; NaN where none were counted.
    """

    name: str
    kind: str
    shape: tuple[int, ...] | None
    n_calls: int
    cost_share: float


def survey_layers(network: nn.Module, *, side_px: int) -> tuple[SurveyedLayer, ...]:
    """Pass one black image through a whole network and note its modules, in the order in which they are done.

    Parameters
    ----------
    network
        Not cut; in evaluation mode.
    side_px
        Side of the image.

    Raises
    ------
    CheckpointError
        The network does not take such an image.
    """
    seen: dict[str, SurveyedLayer] = {}
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        note = partial(_note, seen, counter)
        handles = [
            module.register_forward_hook(partial(note, name)) for name, module in network.named_modules() if name
        ]
        try:
            network(torch.zeros(1, 3, side_px, side_px))
        except (RuntimeError, ValueError, AssertionError) as error:
            said = " ".join(str(error).split())
            raise CheckpointError(
                f"base model: expected a network that takes images of {side_px} px, found one that does not "
                f"({said:.160}). State base_model.preprocessing.side_px, or its options."
            ) from error
        finally:
            for handle in handles:
                handle.remove()
        total = counter.get_total_flops()
    return tuple(_share(layer, total) for layer in seen.values())


def _note(
    seen: dict[str, SurveyedLayer], counter: FlopCounterMode, name: str, module: nn.Module, _inputs: Any, output: Any
) -> None:
    before = seen.pop(name, None)
    shape = tuple(output.shape[1:]) if isinstance(output, Tensor) else None
    n_calls = 1 if before is None else before.n_calls + 1
    done = float(counter.get_total_flops()) if before is None else before.cost_share
    seen[name] = SurveyedLayer(name, type(module).__name__, shape, n_calls, done)


def _share(layer: SurveyedLayer, total: int) -> SurveyedLayer:
    share = layer.cost_share / total if total else float("nan")
    return SurveyedLayer(layer.name, layer.kind, layer.shape, layer.n_calls, share)
