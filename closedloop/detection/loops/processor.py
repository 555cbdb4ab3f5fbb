"""What the processor that machine code is made for can do."""

from __future__ import annotations

import os
from functools import cache

from llvmlite import binding

_GENERIC = "generic"


@cache
def processor() -> tuple[str, str]:
    """Return its name and features, as numba will take them."""
    name = os.environ.get("NUMBA_CPU_NAME")
    features = os.environ.get("NUMBA_CPU_FEATURES")
    if features is None:
        features = "" if name == _GENERIC else binding.get_host_cpu_features().flatten()
    return name or binding.get_host_cpu_name(), features


def has(feature: str) -> bool:
    """Return whether it has a feature, by LLVM's name.

    Parameters
    ----------
    feature
        As "avx2".
    """
    return f"+{feature}" in processor()[1].split(",")
