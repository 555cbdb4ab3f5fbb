"""What was measured goes into rig.yaml, which is the operator's: its block of calibrations is written, nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from closedloop.artifacts.documents import Section, validate
from closedloop.artifacts.rig.calibrations import Calibrations
from closedloop.artifacts.rig.description import RigDocument, read_rig
from closedloop.artifacts.rig.template import calibration_lines, in_braces
from closedloop.errors import ClosedLoopError, RigError
from closedloop.plain_text.yaml_edit import UneditableYamlError, replace_section
from closedloop.plain_text.yaml_text import parse_yaml
from closedloop.storage import atomic_stream, read_bytes, resolved, storage_errors
from rig.session.lock import PATIENCE_S, open_locked, remove_locked

AnySection = TypeVar("AnySection", bound=Section)

_BLOCK = "calibrations"
_ALL_MAY_WRITE = 0o222
_MODE = 0o7777


def store_calibration(path: Path, changes: Mapping[str, object]) -> None:
    """Put what was measured into the calibrations of a rig's description; the file of before is kept beside it.

    Of the operator's file the lines of `calibrations` are written anew (their comments are ours), or added at its end
    where there are none; every other byte stays. The result is read back before it takes the file's name.

    Parameters
    ----------
    path
        rig.yaml, or a link to it: it may have been changed by hand since it was read.
    changes
        Fields of `Calibrations` and their new values; the others stay as they are in the file.

    Raises
    ------
    RigError
        The file is gone, is not to be written, describes no rig, or has its calibrations in a place that is not
        edited. Its text holds what was measured, to be written by hand.
    """
    if unknown := set(changes) - set(Calibrations.model_fields):
        raise ValueError(f"expected calibrations, found {', '.join(sorted(unknown))}")
    by_hand = in_braces(Calibrations.model_validate(changes))
    try:
        with _held(resolved(path)) as own:
            _store(own, changes)
    except ClosedLoopError as error:
        raise RigError(
            f"{str(error).removesuffix('.')}. Nothing of it is lost: write into its calibrations: {by_hand}"
        ) from error


def six_digits(section: AnySection) -> AnySection:
    """Return what was fitted with as many digits as anybody measures, so that people can read the file."""
    rounded = {name: float(f"{value:.6g}") for name, value in section if isinstance(value, float)}
    return section.model_copy(update=rounded)


def kept_beside(path: Path) -> Path:
    """Return where the description of before the last calibration is kept."""
    return path.with_name(f"{path.name}.before")


@contextmanager
def _held(path: Path) -> Iterator[Path]:
    """Hold a description, so that what another calibration stores at the same moment is read before it is written."""
    lock = path.with_name(f".{path.name}.lock")
    with storage_errors(lock):
        file = open_locked(lock, patience_s=PATIENCE_S, refusal=lambda: _busy(path))
    try:
        yield path
    finally:
        remove_locked(file, lock)
        file.close()


def _busy(path: Path) -> str:
    return f"{path}: expected nobody else to write it, found another calibration at work. Let it end, then try again."


def _store(path: Path, changes: Mapping[str, object]) -> None:
    before, _ = read_rig(path)
    content = read_bytes(path)
    mode = path.stat().st_mode
    if not mode & _ALL_MAY_WRITE or not os.access(path, os.W_OK):
        raise RigError(f"{path}: expected a file that may be written, found one that is only to be read.")
    wanted = before.calibrations.model_copy(update=dict(changes))
    try:
        new = replace_section(content, _BLOCK, lines=tuple(calibration_lines(wanted)), braces=in_braces(wanted))
    except UneditableYamlError as error:
        raise _not_edited(path, str(error)) from error
    _read_back(new, content, wanted, path)
    for place, written in ((kept_beside(path), content), (path, new)):
        with atomic_stream(place) as stream:
            stream.write(written)
            Path(stream.name).chmod(mode & _MODE)


def _read_back(new: bytes, old: bytes, wanted: Calibrations, path: Path) -> None:
    """Refuse a file in which anything but the calibrations reads otherwise than before, or these not as measured."""
    try:
        found = parse_yaml(new, place=str(path), error=RigError)
        calibrations = validate(RigDocument, found, place=str(path), error=RigError).calibrations
    except RigError as error:
        raise _not_edited(path, "a form that is not edited") from error
    before = parse_yaml(old, place=str(path), error=RigError)
    if calibrations != wanted or found | {_BLOCK: None} != before | {_BLOCK: None}:
        raise _not_edited(path, "a form that is not edited")


def _not_edited(path: Path, found: str) -> RigError:
    return RigError(f"{path}: expected calibrations as a section of their own, found {found}.")
