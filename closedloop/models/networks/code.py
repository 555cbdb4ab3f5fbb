"""Networks that are code: a factory in one file or in an installed package, or an exported program, by their hash.

Nothing is run here. The imports of a file are not in its hash. A program of ``torch.export`` holds pickles: it is code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from closedloop.errors import CheckpointError, ProtocolError
from closedloop.models.networks.description import EXPORTED, FILE_SUFFIX
from closedloop.storage import sha256_file

KEPT = "inputs"
"""Folder of a study that holds copies of its code."""


@dataclass(frozen=True)
class NetworkCode:
    """A file of code, as it is now.

    Attributes
    ----------
    path
        The file.
    sha256
        Of its bytes.
    """

    path: Path
    sha256: str


def is_exported(factory: str) -> bool:
    """Return whether a factory is an exported program, ``net.pt2``."""
    return factory.endswith(EXPORTED)


def is_file_of_code(factory: str) -> bool:
    """Return whether a factory is in a file, ``net.py:network`` or ``net.pt2``, not in a package."""
    return place_of(factory).endswith((FILE_SUFFIX, EXPORTED))


def place_of(factory: str) -> str:
    """Return the file or module of a factory."""
    return factory if is_exported(factory) else factory.rpartition(":")[0]


def name_of_code(factory: str) -> str:
    """Return a factory's name without the folder of its file."""
    place = place_of(factory)
    return f"{Path(place).name}{factory.removeprefix(place)}" if is_file_of_code(factory) else factory


def code_as_it_is(path: Path) -> NetworkCode:
    """Return a file of code with its hash."""
    return NetworkCode(path, sha256_file(path))


def find_code(factory: str, *, beside: Path) -> NetworkCode:
    """Find the file of a factory that a protocol names.

    Parameters
    ----------
    factory
        ``package.module:factory``, or ``file.py:factory`` or ``file.pt2`` with a whole path or one beside the protocol.
    beside
        Folder of the protocol; copies of its code may be in a folder ``inputs`` of it.

    Raises
    ------
    ProtocolError
        There is no such file, or no such module.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from closedloop.models import find_code
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = Path(folder, "net.py").write_text("from torch.nn import Identity")
    ...     find_code("net.py:Identity", beside=Path(folder)).sha256[:8]
    '4eb5e91f'
    """
    place = place_of(factory)
    if not is_file_of_code(factory):
        return code_as_it_is(_file_of_module(place))
    for path in (beside / place, beside / KEPT / kept_name(factory)):
        if path.is_file():
            return code_as_it_is(path)
    raise ProtocolError(
        f"base_model.factory: expected {place}, by its whole path or beside the protocol in {beside}, found none. "
        "Correct it, or put the file there."
    )


def kept_name(factory: str) -> str:
    """Return what a study calls its copy of a factory's file."""
    place = place_of(factory)
    return Path(place).name if is_file_of_code(factory) else f"{place}{FILE_SUFFIX}"


def kept_code(factory: str, *, sha256: str, near: Path) -> NetworkCode:
    """Find the code that a file of weights was made with, unchanged: its copy in the folder ``inputs`` of its study.

    Without that copy nothing is run, whatever the file of weights says of itself.

    Parameters
    ----------
    factory
        As the file of weights names it.
    sha256
        Of the code, as that file says.
    near
        Where the file of weights is.

    Raises
    ------
    CheckpointError
        The code is gone, or another than it was; of a package, the copy or the package itself.
    """
    name = kept_name(factory)
    places = (folder / name for folder in (*near.absolute().parents, *_inputs_above(near)) if folder.name == KEPT)
    copy = next((place for place in places if place.is_file()), None)
    if copy is None:
        raise CheckpointError(
            f"{near}: expected the network's code {name} in the folder {KEPT} of its study, found none. Restore it "
            "from a copy."
        )
    kept = unchanged(code_as_it_is(copy), sha256)
    if is_file_of_code(factory):
        return kept
    return unchanged(code_as_it_is(_file_of_module(place_of(factory))), sha256)


def code_near(near: Path) -> tuple[Path, ...]:
    """Return all code that a study keeps, of which `kept_code` takes what a file of weights needs.

    Parameters
    ----------
    near
        Where the file of weights is.
    """
    folders = (folder for folder in _inputs_above(near) if folder.is_dir())
    return tuple(
        file for folder in folders for suffix in (FILE_SUFFIX, EXPORTED) for file in sorted(folder.glob(f"*{suffix}"))
    )


def unchanged(code: NetworkCode, sha256: str) -> NetworkCode:
    """Return code that is what it was.

    Raises
    ------
    CheckpointError
        It is another.
    """
    if code.sha256 != sha256:
        raise CheckpointError(
            f"{code.path}: expected the code that was trusted, sha256 {sha256[:16]}, found {code.sha256[:16]}. It is "
            "not run. Restore the file; other code is another network, for a new study."
        )
    return code


def _inputs_above(near: Path) -> Iterator[Path]:
    for folder in near.absolute().parents:
        yield folder / KEPT


def _file_of_module(name: str) -> Path:
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise ProtocolError(
            f"base_model.factory: expected a module that can be imported, found none named {name!r:.80}. Install it "
            "where closedloop runs, or name a file: net.py:factory."
        )
    return Path(spec.origin)
