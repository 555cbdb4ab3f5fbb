"""The lattice of an image file: whole levels inside the box and inside the L2 ball, and what an attack loses there."""

from closedloop.attacks.lattice.grid import GREY_LEVELS, LatticeBall, lattice_ball, on_lattice, pixel_type
from closedloop.attacks.lattice.norms import realised_epsilon, realised_norm, squared_levels
from closedloop.attacks.lattice.refinement import LatticeOptimum, LatticeSettings, refine_on_lattice
from closedloop.attacks.lattice.rounding import (
    first_order_optimum,
    first_order_share,
    round_into,
    scale_to_norm,
    to_lattice,
)

__all__ = [
    "GREY_LEVELS",
    "LatticeBall",
    "LatticeOptimum",
    "LatticeSettings",
    "first_order_optimum",
    "first_order_share",
    "lattice_ball",
    "on_lattice",
    "pixel_type",
    "realised_epsilon",
    "realised_norm",
    "refine_on_lattice",
    "round_into",
    "scale_to_norm",
    "squared_levels",
    "to_lattice",
]
