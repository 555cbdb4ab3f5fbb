"""What every JSON document of ours has in common: strict fields, a kind, a version, the mark of simulated data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from closedloop.artifacts.faults import describe_faults, found_words
from closedloop.errors import ClosedLoopError, DocumentError
from closedloop.plain_text.json_text import read_json
from closedloop.storage import write_bytes

FORMAT_VERSION: Final = 1
_VERSION = re.compile("[1-9][0-9]{0,8}")
_MISSING = "expected a file, found none. Run the stage that writes it, or restore it."

AnyModel = TypeVar("AnyModel", bound=BaseModel)


class Section(BaseModel):
    """A part of a document: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Document(Section):
    """A JSON file of ours. Subclasses add a `kind` with one literal value."""

    format_version: Literal[1] = FORMAT_VERSION
    simulated: bool

    def to_bytes(self) -> bytes:
        """Return the file's content: indented JSON, fields in the order of the class, one newline at the end."""
        return (self.model_dump_json(indent=2) + "\n").encode()

    def write(self, path: Path) -> None:
        """Write the document atomically."""
        write_bytes(path, self.to_bytes())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read and check a document.

        Raises
        ------
        DocumentError
            The file is missing, not JSON, of a newer version, or not of this kind.
        """
        content = read_json(path, missing=_MISSING)
        refuse_newer(path, content)
        return validate(cls, content, place=str(path))


def validate(
    model: type[AnyModel], content: Any, *, place: str, error: type[ClosedLoopError] = DocumentError
) -> AnyModel:
    """Check plain data against a model; its faults become one line that names the place.

    Parameters
    ----------
    model
        The class to fill.
    content
        Plain dictionaries, lists and values.
    place
        What the message begins with: a file, usually.
    error
        The exception to raise.
    """
    try:
        filled = model.model_validate(content)
        _refuse_truth_for_number(filled, content)
    except ValidationError as fault:
        raise error(f"{place}: {describe_faults(fault, model, content)}") from fault
    except _TruthForNumberError as fault:
        raise error(f"{place}: {fault}") from None
    return filled


def _refuse_truth_for_number(filled: Any, given: Any, path: str = "") -> None:
    """Refuse true where a number belongs: it would count as 1."""
    if isinstance(given, bool) and isinstance(filled, int | float) and not isinstance(filled, bool):
        raise _TruthForNumberError(f"{path}: expected a number, found {found_words(given)}. Correct it.")
    if isinstance(given, dict):
        for name, value in given.items():
            inner = filled.get(name) if isinstance(filled, dict) else getattr(filled, name, None)
            _refuse_truth_for_number(inner, value, f"{path}.{name}" if path else name)
    elif isinstance(given, list) and isinstance(filled, tuple | list):
        for number, (one, value) in enumerate(zip(filled, given, strict=False)):
            _refuse_truth_for_number(one, value, f"{path}.{number}")


class _TruthForNumberError(Exception):
    """true stands where a number belongs."""


def refuse_other_version(path: Path, version: str) -> None:
    """Refuse a table or array file whose format version is newer than this code's, or no number.

    Raises
    ------
    DocumentError
        It is.
    """
    if not _VERSION.fullmatch(version):
        raise DocumentError(f"{path}: expected a format version, found {version!r:.60}. Restore the file.")
    if int(version) > FORMAT_VERSION:
        raise DocumentError(
            f"{path}: expected format version {FORMAT_VERSION} or older, found {version}. Upgrade closedloop."
        )


def refuse_newer(path: Path, content: Any) -> None:
    """Refuse what was read of a document that a newer version wrote, or that is no document at all.

    Raises
    ------
    DocumentError
        It is one.
    """
    if not isinstance(content, dict):
        raise DocumentError(f"{path}: expected a document with keys, found {content!r:.60}. Restore the file.")
    version = content.get("format_version", FORMAT_VERSION)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise DocumentError(f"{path}: expected a format version, found {version!r:.60}. Restore the file.")
    if version > FORMAT_VERSION:
        raise DocumentError(
            f"{path}: expected format version {FORMAT_VERSION} or older, found {version}. "
            "It was written by a newer closedloop; upgrade this one."
        )
