"""Which base models are inside the package, and where a base model's file is; nothing here needs torch."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from closedloop.errors import CheckpointError


def shipped_names() -> tuple[str, ...]:
    """Names of the base models inside the package.

    Examples
    --------
    >>> from closedloop.models import shipped_names
    >>> shipped_names()
    ('small_plain_robust', 'small_resnet_robust', 'small_resnet_vanilla', 'small_smooth_robust')
    """
    return tuple(sorted(path.stem for path in _weights_folder().glob("*.safetensors")))


def shipped_weights(name: str) -> Path:
    """File of a base model inside the package.

    Raises
    ------
    CheckpointError
        No base model of this name ships.
    """
    if name not in shipped_names():
        raise CheckpointError(
            f"base model: {name!r} does not ship. Use one of {', '.join(shipped_names())}, or a file."
        )
    return _weights_folder() / f"{name}.safetensors"


def weights_file(source: str | Path) -> Path:
    """Return the file of a base model, given by the name that it ships under or by its path."""
    return shipped_weights(str(source)) if str(source) in shipped_names() else Path(source)


def _weights_folder() -> Path:
    return Path(str(files("closedloop.models"))) / "weights"
