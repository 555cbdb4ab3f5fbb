"""Compile the kernels with numba once, and keep them for as long as none of their files changes.

numba keeps a compiled loop by the state of the file that it stands in, and knows nothing of the files which that one
imports: after a change in `lanes` the loops in `search_kernels` went on as they were. Here the content of all of them
is the key.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache, IndexDataCacheFile

KERNEL_FILES = ("compiled.py", "kernels.py", "lanes.py", "search_kernels.py")


@cache
def content_of_kernels(folder: Path = Path(__file__).parent) -> bytes:
    """Hash the files that decide what the kernels do."""
    digest = sha256()
    for name in KERNEL_FILES:
        content = (folder / name).read_bytes()
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.digest()


class _KernelCache(FunctionCache):  # type: ignore[misc]
    """numba's cache of a function, fresh while the content of all kernels' files is the same."""

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        self._cache_file = IndexDataCacheFile(self._cache_path, self._impl.filename_base, content_of_kernels())


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a kernel when it is first called, or take it from the cache."""
    dispatcher = njit(function)
    dispatcher._cache = _KernelCache(function)
    return dispatcher
