from .alignment import align as align
from .alignment import align_devices as align_devices
from .run_search import AlignmentRules as AlignmentRules

__all__ = [
    "AlignmentRules",
    "align",
    "align_devices",
]
