"""Which of a network's modules a sweep over layers looks at: its blocks, the outermost parts that are numbered."""

from __future__ import annotations

from collections.abc import Iterable

from closedloop.models.inspection.survey import SurveyedLayer
from closedloop.models.networks.description import FeatureLayout


def block_layers(surveyed: Iterable[SurveyedLayer], layout: FeatureLayout) -> tuple[str, ...]:
    """Return the blocks of a network at which it can be cut, in the order in which an image passes them.

    A block is a module whose name ends with a number (``blocks.3``, ``layer2.1``, ``features.5``) and that is in no
    other such one. What it gives has to lie as is stated.

    Parameters
    ----------
    surveyed
        Of `survey.survey_layers`.
    layout
        How features lie.
    """
    layers = [one for one in surveyed if one.n_calls == 1 and _ends_with_number(one.name) and _fits(one, layout)]
    names = {one.name for one in layers}
    return tuple(one.name for one in layers if not names & set(_above(one.name)))


def _ends_with_number(name: str) -> bool:
    return name.rpartition(".")[2].isdecimal()


def _above(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]


def _fits(layer: SurveyedLayer, layout: FeatureLayout) -> bool:
    shape = layer.shape or ()
    if layout.kind == "nchw":
        return len(shape) == 3 and shape[1] == shape[2]
    if layout.kind == "nhwc":
        return len(shape) == 3 and shape[0] == shape[1]
    if layout.kind == "nc":
        return len(shape) == 1
    rows, columns = layout.grid or (0, 0)
    return len(shape) == 2 and shape[0] == layout.prefix_tokens + rows * columns
