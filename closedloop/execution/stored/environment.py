"""The code and the libraries that decide a result's bytes, which must be the same wherever pieces are done."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from closedloop import __version__
from closedloop.errors import ExecutionError
from closedloop.storage import read_bytes

LIBRARIES = (
    *("numpy", "scipy", "torch", "numba", "h5py", "pyarrow", "pydantic", "neo", "pillow", "safetensors", "cma"),
    *("timm", "torchvision", "distributed"),
)
"""What computes, reads or writes; one that neither side has is the same on both."""

_PACKAGE = Path(__file__).parents[2]
_OF_RESULTS = ("*.py", "*.safetensors")
_DIGITS = 12


@cache
def environment() -> Mapping[str, str]:
    """Return what is here, by name: the versions of Python and libraries, and the code of this package as a hash."""
    return {
        "closedloop": f"{__version__} with code {_code()}",
        "Python": platform.python_version(),
        **{name: _version(name) for name in LIBRARIES},
    }


def environment_name(found: Mapping[str, str]) -> str:
    """Return a name for an environment: results of others stand apart from its own.

    Parameters
    ----------
    found
        Of `environment`.
    """
    return hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()[:_DIGITS]


def refuse_other_environment(expected: Mapping[str, str], *, place: str) -> None:
    """Refuse to work for a client whose code or libraries are others.

    Parameters
    ----------
    expected
        The client's.
    place
        What this worker is called.

    Raises
    ------
    ExecutionError
        Something differs.
    """
    here = environment()
    others = [name for name in expected if here.get(name) != expected[name]]
    if others:
        wanted = ", ".join(f"{name} {expected[name]}" for name in others)
        found = ", ".join(f"{name} {here.get(name, 'none')}" for name in others)
        raise ExecutionError(
            f"{place}: expected {wanted}, as where the command runs, found {found}. Install the same there: results "
            "are the same bytes of the same code alone."
        )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _code() -> str:
    """Return a hash of all that this package is made of and results depend on."""
    digest = hashlib.sha256()
    for file in sorted(path for pattern in _OF_RESULTS for path in _PACKAGE.rglob(pattern)):
        content = read_bytes(file)
        digest.update(f"{file.relative_to(_PACKAGE)} {len(content)} ".encode() + content)
    return digest.hexdigest()[:_DIGITS]
