"""Libraries that the base install leaves out, and the one line that says how to install them."""

from __future__ import annotations

from importlib.util import find_spec

from closedloop.plain_text.installing import install_command
from closedloop.terminal.command import missing_library

LIBRARIES: dict[str, tuple[str, ...]] = {
    "service": ("fastapi", "uvicorn", "jinja2", "watchfiles", "psutil"),  # before lab, which is said of jinja2
    "lab": ("torch", "safetensors", "numba", "PIL", "matplotlib", "jinja2", "pandas", "neo", "eyelinkio", "cma"),
    "zoo": ("timm", "torchvision"),
    "cluster": ("distributed", "dask_jobqueue", "cryptography"),
    "exchange": ("xarray", "h5netcdf"),
    "nwb": ("pynwb", "nwbinspector"),
    "zarr": ("hdmf_zarr",),
}
"""Import names of the libraries of each extra of pyproject.toml that closedloop itself uses (the rig has its own)."""

_COMPANIONS = {
    "hdmf": "pynwb",
    "llvmlite": "numba",
    "numcodecs": "hdmf_zarr",
    "starlette": "fastapi",
}  # what a library brings and we import ourselves


INSTALL = {library: install_command(extra) for extra, names in LIBRARIES.items() for library in names}
INSTALL |= {companion: INSTALL[library] for companion, library in _COMPANIONS.items()}
"""The command that installs each library, by its import name."""

_OF_NO_COMMAND = frozenset({"pandas", "neo", "eyelinkio"})  # no Blackrock day waits for them


def require_extra(extra: str) -> None:
    """Refuse at once, before anything is written, a command that needs an extra that is not installed.

    Raises
    ------
    ModuleNotFoundError
        A library of the extra is missing; `installation_hint` says what to do.
    """
    for library in LIBRARIES[extra]:
        if library not in _OF_NO_COMMAND and find_spec(library) is None:
            raise ModuleNotFoundError(f"No module named {library!r}", name=library)


def installation_hint(error: ModuleNotFoundError) -> str | None:
    """Return the line that names the missing library and its extra; None where the module is of no extra."""
    library = (error.name or "").partition(".")[0]
    return missing_library(library, INSTALL[library]) if library in INSTALL else None
