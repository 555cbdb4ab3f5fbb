"""The code of a study's networks: found beside its protocol, told to whoever makes the study, copied into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from closedloop.artifacts.catalog import STUDY_INPUTS
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.study import StudyPaths
from closedloop.errors import ProtocolError
from closedloop.models.inspection.reference_place import find_reference
from closedloop.models.networks.code import NetworkCode, code_as_it_is, find_code, kept_code, kept_name, name_of_code
from closedloop.storage import read_bytes, write_bytes

_SHOWN_HEX_DIGITS = 16


def find_codes(protocol: Protocol, *, beside: Path) -> dict[str, NetworkCode]:
    """Find the code of a protocol's networks that are code.

    Parameters
    ----------
    protocol
        Names them.
    beside
        Folder of its file.

    Returns
    -------
    dict
        The file of each factory, by the factory's name without a folder.

    Raises
    ------
    ProtocolError
        A file or module is not there, or two files have one name.
    """
    found: dict[str, NetworkCode] = {}
    for factory in _factories(protocol):
        code = find_code(factory, beside=beside)
        same = [one for name, one in found.items() if kept_name(name) == kept_name(factory)]
        if any(one.sha256 != code.sha256 for one in same):
            raise ProtocolError(
                f"factory {factory}: expected files of code by different names, found two named {kept_name(factory)}. "
                "Rename one."
            )
        found[name_of_code(factory)] = code
    return found


def recorded_codes(paths: StudyPaths) -> dict[str, NetworkCode]:
    """Return the code that a study began with, as it is kept in it.

    Raises
    ------
    CheckpointError
        It is gone, or another.
    """
    place = STUDY_INPUTS.published(paths, 0)
    recorded = STUDY_INPUTS.read(place).code
    return {factory: kept_code(factory, sha256=sha256, near=place) for factory, sha256 in recorded.items()}


def keep_code(code: Mapping[str, NetworkCode], folder: Path) -> None:
    """Copy files of code into a folder; of a package the module's own file alone."""
    for factory, one in code.items():
        write_bytes(folder / kept_name(factory), read_bytes(one.path))


def find_references(protocol: Protocol, *, beside: Path) -> dict[str, NetworkCode]:
    """Find the files of reference output that a protocol names, by their names without a folder.

    Parameters
    ----------
    protocol
        Names them.
    beside
        Folder of its file, or the study.

    Raises
    ------
    ProtocolError
        One is not there, or two have one name.
    """
    found: dict[str, NetworkCode] = {}
    for name in (one.reference for one in protocol.networks if one.reference is not None):
        one = code_as_it_is(find_reference(name, near=beside))
        if found.setdefault(Path(name).name, one).sha256 != one.sha256:
            raise ProtocolError(
                f"reference {name}: expected files by different names, found two named {Path(name).name}. Rename one."
            )
    return found


def keep_references(references: Mapping[str, NetworkCode], folder: Path) -> None:
    """Copy files of reference output into a folder."""
    for name, one in references.items():
        write_bytes(folder / name, read_bytes(one.path))


def say_trusted(code: Mapping[str, NetworkCode]) -> list[str]:
    """Return a line for each file of code that will be run."""
    return [
        f"{one.path}: code that is trusted: it is run wherever the study is, as {factory}, sha256 "
        f"{one.sha256[:_SHOWN_HEX_DIGITS]}; once it is another, it is refused."
        for factory, one in code.items()
    ]


def _factories(protocol: Protocol) -> Iterator[str]:
    for choice in protocol.networks:
        if choice.factory is not None:
            yield choice.factory
