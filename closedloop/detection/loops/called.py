"""The compiled loops, to be called."""

from __future__ import annotations

from types import ModuleType

from closedloop.detection.loops.compiled import CompiledLoop


def _kernels() -> ModuleType:
    from closedloop.detection.loops import kernels  # noqa: PLC0415 - with numba, where nothing is kept yet

    return kernels


def _search_kernels() -> ModuleType:
    from closedloop.detection.loops import search_kernels  # noqa: PLC0415 - with numba, where nothing is kept yet

    return search_kernels


def _crossing_kernels() -> ModuleType:
    from closedloop.detection.loops import crossing_kernels  # noqa: PLC0415 - with numba, where nothing is kept yet

    return crossing_kernels


forward = CompiledLoop("forward", _kernels)
backward = CompiledLoop("backward", _kernels)
forward_search = CompiledLoop("forward_search", _search_kernels)
both_ways_search = CompiledLoop("both_ways_search", _search_kernels)
backward_search = CompiledLoop("backward_search", _search_kernels)
order_of_crossings = CompiledLoop("order_of_crossings", _crossing_kernels)
keep_late_enough = CompiledLoop("keep_late_enough", _crossing_kernels)
