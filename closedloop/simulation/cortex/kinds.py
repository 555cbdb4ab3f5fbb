"""Which hidden cortices there are: one row each of what they do not share.

Electrodes, drift, noise and all that is measured of them are the same code. To add one, add a row, train its weights
(``python -m closedloop.simulation.cortex.training --kind NAME``) and name it in the protocol's ``simulation.cortex``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from torch import nn

from closedloop.simulation.cortex.electrodes import DrawFields, elongated_fields, round_fields
from closedloop.simulation.cortex.network import feedforward_areas
from closedloop.simulation.cortex.recipe import CortexRecipe
from closedloop.simulation.cortex.recurrent import RecurrentAreas
from closedloop.simulation.cortex.responses import DIVISION_NAKA_RUSHTON, PRODUCT_SIGMOID, RateCurve


@dataclass(frozen=True)
class CortexKind:
    """What one hidden cortex has of its own.

    Parameters
    ----------
    name
        As protocols say it.
    weights_name
        File of its shipped weights.
    recipe
        What they were trained by.
    build_areas
        Returns its untrained network between the eye and the electrodes: (n, 3, 32, 32) to (n, 64, 8, 8).
    draw_fields
        Draws its receptive fields.
    curve
        From mixtures to rates.
    """

    name: str
    weights_name: str
    recipe: CortexRecipe
    build_areas: Callable[[], nn.Module]
    draw_fields: DrawFields
    curve: RateCurve


SHIPPED = CortexKind(
    "shipped",
    "cortex.safetensors",
    recipe=CortexRecipe(),
    build_areas=feedforward_areas,
    draw_fields=round_fields,
    curve=PRODUCT_SIGMOID,
)
"""The one that every protocol has unless it says otherwise, and on which the loop was tuned."""

OTHER_WEIGHTS = replace(
    SHIPPED, name="other_weights", weights_name="cortex_other_weights.safetensors", recipe=CortexRecipe(seed=20222)
)
"""The shipped one, trained again from another seed."""

RECURRENT = CortexKind(
    "recurrent",
    "cortex_recurrent.safetensors",
    recipe=CortexRecipe(seed=20223, learning_rate=3e-3),
    build_areas=RecurrentAreas,
    draw_fields=elongated_fields,
    curve=DIVISION_NAKA_RUSHTON,
)
"""One of another kind, on which nothing is tuned: what is said of the loop is shown on it too."""

KINDS: Mapping[str, CortexKind] = {kind.name: kind for kind in (SHIPPED, OTHER_WEIGHTS, RECURRENT)}
