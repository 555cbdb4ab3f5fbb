from .controls import gaussian_direction, interpolation_direction
from .drawing import draw_balanced
from .folders import open_folder_pool
from .pools import open_pool
from .port import PoolImage, load_images
from .procedural import ProceduralPool
from .sequences import minutes_to_twin, spread_order, twin_separation

__all__ = [
    "PoolImage",
    "ProceduralPool",
    "draw_balanced",
    "gaussian_direction",
    "interpolation_direction",
    "load_images",
    "minutes_to_twin",
    "open_folder_pool",
    "open_pool",
    "spread_order",
    "twin_separation",
]
